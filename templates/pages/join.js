// Has the proof of work ready when our own form is sent: it begins with the first field that is entered. Where the form
// has a field for it, the browser's time zone goes along: a plain form in another site cannot ask for that.
import { prover } from "./proof.js";

const form = document.querySelector("form[data-challenge]");
const zone = form.elements.browser_timezone;
if (zone) zone.value = Intl.DateTimeFormat().resolvedOptions().timeZone;
const proof = prover(form.dataset.challenge);
form.addEventListener("focusin", () => proof(), { once: true });
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = event.submitter;
  if (button.ariaDisabled) return;
  button.ariaDisabled = "true";
  form.elements.altcha.value = (await proof()) || form.elements.altcha.value;
  form.submit();
  button.ariaDisabled = null;
});
