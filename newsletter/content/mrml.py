"""What MRML, which turns our MJML into HTML, knows: found by trying each name of MJML 4 on it, for it drops the rest.

A test tries them again, so that a new version of MRML shows here.
"""

ATTRIBUTES: dict[str, frozenset[str]] = {
    tag: frozenset(names.split())
    for tag, names in {
        "mj-accordion": (
            "align border container-background-color css-class font-family icon-align icon-height icon-position "
            "icon-unwrapped-alt icon-unwrapped-url icon-width icon-wrapped-alt icon-wrapped-url mj-class padding "
            "padding-bottom padding-left padding-right padding-top vertical-align"
        ),
        "mj-accordion-element": (
            "background-color border css-class font-family icon-align icon-height icon-position "
            "icon-unwrapped-alt icon-unwrapped-url icon-width icon-wrapped-alt icon-wrapped-url"
        ),
        "mj-accordion-text": (
            "background-color border color css-class font-family font-size font-weight letter-spacing line-height "
            "mj-class padding padding-bottom padding-left padding-right padding-top"
        ),
        "mj-accordion-title": (
            "background-color border color css-class font-family font-size icon-align icon-height icon-position "
            "icon-unwrapped-alt icon-unwrapped-url icon-width icon-wrapped-alt icon-wrapped-url mj-class padding "
            "padding-bottom padding-left padding-right padding-top"
        ),
        "mj-attributes": "",
        "mj-body": "background-color css-class width",
        "mj-breakpoint": "width",
        "mj-button": (
            "align background-color border border-bottom border-left border-radius border-right border-top color "
            "container-background-color css-class font-family font-size font-style font-weight height href "
            "inner-padding letter-spacing line-height mj-class name padding padding-bottom padding-left "
            "padding-right padding-top rel target text-align text-decoration text-transform vertical-align width"
        ),
        "mj-carousel": (
            "align border-radius container-background-color css-class icon-width left-icon mj-class padding "
            "padding-bottom padding-left padding-right padding-top right-icon tb-border tb-border-radius "
            "tb-hover-border-color tb-selected-border-color tb-width thumbnails vertical-align"
        ),
        "mj-carousel-image": (
            "alt border-radius css-class href mj-class rel src target tb-border tb-border-radius tb-width "
            "thumbnails-src title"
        ),
        "mj-column": (
            "align background-color border border-bottom border-left border-radius border-right border-top "
            "css-class direction inner-background-color inner-border inner-border-bottom inner-border-left "
            "inner-border-radius inner-border-right inner-border-top mj-class padding padding-bottom padding-left "
            "padding-right padding-top vertical-align width"
        ),
        "mj-divider": (
            "align border-color border-style border-width container-background-color css-class mj-class padding "
            "padding-bottom padding-left padding-right padding-top vertical-align width"
        ),
        "mj-font": "href name",
        "mj-group": (
            "align background-color border border-left border-right css-class direction inner-border "
            "inner-border-left inner-border-right mj-class padding padding-left padding-right vertical-align "
            "width"
        ),
        "mj-head": "",
        "mj-hero": (
            "align background-color background-height background-position background-url background-width "
            "css-class height inner-background-color inner-padding inner-padding-bottom inner-padding-left "
            "inner-padding-right inner-padding-top mj-class mode padding padding-bottom padding-left "
            "padding-right padding-top vertical-align width"
        ),
        "mj-image": (
            "align alt border border-left border-radius border-right container-background-color css-class "
            "fluid-on-mobile font-size full-width height href mj-class name padding padding-bottom padding-left "
            "padding-right padding-top rel src srcset target title usemap vertical-align width"
        ),
        "mj-navbar": (
            "align base-url container-background-color css-class hamburger ico-align ico-close ico-color "
            "ico-font-family ico-font-size ico-line-height ico-open ico-padding ico-padding-bottom "
            "ico-padding-left ico-padding-right ico-padding-top ico-text-decoration ico-text-transform mj-class "
            "padding padding-bottom padding-left padding-right padding-top vertical-align"
        ),
        "mj-navbar-link": (
            "color css-class font-family font-size font-style font-weight href letter-spacing line-height "
            "mj-class name navbar-base-url padding padding-bottom padding-left padding-right padding-top rel "
            "target text-decoration text-transform"
        ),
        "mj-preview": "",
        "mj-raw": "",
        "mj-section": (
            "background-color background-position background-position-x background-position-y background-repeat "
            "background-size background-url border border-bottom border-left border-radius border-right "
            "border-top css-class direction full-width mj-class padding padding-bottom padding-left padding-right "
            "padding-top text-align"
        ),
        "mj-social": (
            "align border-radius color container-background-color css-class font-family font-size font-style "
            "font-weight icon-height icon-padding icon-size inner-padding line-height mj-class mode padding "
            "padding-bottom padding-left padding-right padding-top text-decoration text-padding vertical-align"
        ),
        "mj-social-element": (
            "align alt background-color border-radius color css-class font-family font-size font-style "
            "font-weight href icon-height icon-padding icon-size line-height mj-class name padding padding-bottom "
            "padding-left padding-right padding-top rel src target text-decoration text-padding title "
            "vertical-align"
        ),
        "mj-spacer": (
            "align container-background-color css-class height mj-class padding padding-bottom padding-left "
            "padding-right padding-top vertical-align"
        ),
        "mj-style": "inline",
        "mj-table": (
            "align border cellpadding cellspacing color container-background-color css-class font-family "
            "font-size line-height mj-class padding padding-bottom padding-left padding-right padding-top "
            "table-layout vertical-align width"
        ),
        "mj-text": (
            "align color container-background-color css-class font-family font-size font-style font-weight height "
            "letter-spacing line-height mj-class padding padding-bottom padding-left padding-right padding-top "
            "text-decoration text-transform vertical-align"
        ),
        "mj-title": "",
        "mj-wrapper": (
            "background-color background-position background-position-x background-position-y background-repeat "
            "background-size background-url border border-bottom border-left border-radius border-right "
            "border-top css-class direction full-width mj-class padding padding-bottom padding-left padding-right "
            "padding-top text-align"
        ),
        "mjml": "dir lang",
    }.items()
}
"""The tags, and the attributes each of them heeds."""

CONTENT = frozenset(
    {
        "mj-accordion-text",
        "mj-accordion-title",
        "mj-button",
        "mj-navbar-link",
        "mj-raw",
        "mj-social-element",
        "mj-table",
        "mj-text",
    }
)
"""The tags that HTML may stand in; elsewhere it would end up between table cells."""

_BLOCKS = frozenset(
    {
        "mj-accordion",
        "mj-button",
        "mj-carousel",
        "mj-divider",
        "mj-image",
        "mj-navbar",
        "mj-social",
        "mj-spacer",
        "mj-table",
        "mj-text",
    }
)

PARENTS: dict[str, frozenset[str]] = {
    "mj-head": frozenset({"mjml"}),
    "mj-body": frozenset({"mjml"}),
    "mj-wrapper": frozenset({"mj-body"}),
    "mj-section": frozenset({"mj-body", "mj-wrapper"}),
    "mj-hero": frozenset({"mj-body", "mj-wrapper"}),
    "mj-group": frozenset({"mj-section"}),
    "mj-column": frozenset({"mj-section", "mj-group"}),
    **{block: frozenset({"mj-column", "mj-hero"}) for block in _BLOCKS},
}
"""What a tag may stand in directly."""
