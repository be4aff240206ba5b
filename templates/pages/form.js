/* Places the form where this script stands, in any site: <script src="…/form.js" data-lang="de" async></script>
   In a shadow root, so that neither styles the other. No HTML is parsed and no style is inline, so a strict policy of
   the site needs only our address in script-src and connect-src. A link to our page right before the script gives way
   to the form, and stays wherever the form cannot come. */
(() => {
  "use strict";
  const script = document.currentScript;
  const base = new URL(".", script.src).href;
  const lang = script.dataset.lang ?? "";
  const query = lang && `?lang=${encodeURIComponent(lang)}`;

  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value === true) element.setAttribute(name, "");
      else if (value) element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  };

  let link = script.previousElementSibling;
  if (!link?.matches("a") || !link.href.startsWith(`${base}join`)) {
    link = make("a", { href: `${base}join${query}` }, `${base}join`);
    script.after(link);
  }

  const place = (form) => {
    const host = make("div", { lang: form.lang });
    const root = host.attachShadow({ mode: "open" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(form.style);
    root.adoptedStyleSheets = [sheet];
    root.append(build(form));
    link.replaceWith(host);
  };

  const build = (form) => {
    const { texts } = form;
    const notice = make("div", { role: "alert" });
    const button = make("button", { type: "submit" }, texts.join);
    const element = make("form", { novalidate: true, "aria-label": texts.title });
    element.append(
      notice,
      ...form.fields.map((one) => field(one, texts.optional)),
      ...(form.events ? [events(form.events)] : []),
      make("div", {}, make("p", {}, texts.agree), make("blockquote", {}, form.consent.text)),
      ...(form.privacy
        ? [make("p", {}, make("a", { href: form.privacy, target: "_blank", rel: "noopener" }, texts.privacy))]
        : []),
      button,
      make("p", {}, make("small", {}, texts.confirm)),
    );
    const proof = form.proof ? proving() : () => "";
    element.addEventListener("focusin", () => proof(), { once: true });
    element.addEventListener("submit", async (submitted) => {
      submitted.preventDefault();
      if (button.ariaDisabled) return;
      button.setAttribute("aria-disabled", "true");
      forget(element, notice);
      await send(form, element, notice, proof).catch(() => elsewhere(notice, texts.failed, texts));
      button.removeAttribute("aria-disabled");
    });
    return element;
  };

  const field = ({ name, label, type, options, autocomplete, required }, optional) => {
    const shared = { id: name, name, required, autocomplete };
    const control = options.length
      ? make("select", shared, new Option("–", ""), ...options.map(([kept, read]) => new Option(read, kept)))
      : make("input", { ...shared, type, maxlength: type === "email" ? "254" : "120" });
    const hint = required ? [] : [" ", make("small", {}, optional)];
    return make("div", { class: "field" }, make("label", { for: name }, label, ...hint), control);
  };

  const events = ({ legend, everything, some, list }) => {
    const scope = (value, label, checked) =>
      make("label", {}, make("input", { type: "radio", name: "scope", value, checked }), make("span", {}, label));
    const tick = ({ slug, title, days }) =>
      make("label", {}, make("input", { type: "checkbox", name: "topics", value: slug }), make("span", {}, `${title} · ${days.replaceAll(" ", "\u00a0")}`));
    const ticks = make("div", { class: "topics", hidden: true }, ...list.map(tick));
    const set = make("fieldset", { id: "topics", tabindex: "-1" }, make("legend", {}, legend));
    set.append(scope("everything", everything, true), scope("some", some), ticks);
    set.addEventListener("change", () => {
      ticks.hidden = !set.querySelector("[value=some]").checked;
    });
    return set;
  };

  // Where the browser does not let the solver in, nothing is proven, and we say how to go on.
  const proving = () => {
    const made = import(`${base}proof.js`).then(({ prover }) => prover(`${base}join/challenge`));
    return (afresh) => made.then((proof) => proof(afresh)).catch(() => "");
  };

  const send = async (form, element, notice, proof) => {
    const data = new FormData(element);
    const entry = {
      ...Object.fromEntries(data),
      topics: data.getAll("topics"),
      browser_timezone: form.timezone ? Intl.DateTimeFormat().resolvedOptions().timeZone : "",
      lang: form.lang,
      text_version: form.consent.version,
      altcha: await proof(),
    };
    const response = await fetch(`${base}join`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(entry),
      credentials: "omit",
    });
    const { texts } = form;
    if (response.ok) {
      const heading = make("h2", { tabindex: "-1" }, texts.sent);
      element.replaceWith(make("div", { role: "status" }, heading, make("p", {}, texts.look)));
      heading.focus();
    } else if (response.status === 422) {
      const { errors } = await response.json();
      if (!errors.altcha) return refuse(errors, element, notice);
      proof(true);
      elsewhere(notice, texts.failed, texts);
    } else elsewhere(notice, response.status === 429 ? texts.busy : texts.failed, texts);
  };

  const forget = (element, notice) => {
    notice.replaceChildren();
    for (const old of element.querySelectorAll(".error")) old.remove();
    for (const old of element.querySelectorAll("[aria-describedby]")) {
      old.removeAttribute("aria-invalid");
      old.removeAttribute("aria-describedby");
    }
  };

  const refuse = (errors, element, notice) => {
    let first;
    for (const [name, text] of Object.entries(errors)) {
      const control = element.querySelector(`[id="${name}"]`);
      if (!control) {
        notice.append(make("p", {}, text));
        continue;
      }
      if (!control.matches("fieldset")) control.setAttribute("aria-invalid", "true");
      control.setAttribute("aria-describedby", `${name}-error`);
      const said = make("p", { id: `${name}-error`, class: "error" }, text);
      if (control.matches("fieldset")) control.append(said);
      else control.after(said);
      first ??= control;
    }
    first?.focus();
  };

  const elsewhere = (notice, text, texts) =>
    notice.replaceChildren(make("p", {}, `${text} `, make("a", { href: `${base}join${query}` }, texts.page)));

  fetch(`${base}form.json${query}`, { credentials: "omit" })
    .then((response) => (response.ok ? response.json() : Promise.reject(response)))
    .then(place)
    .catch(() => {});
})();
