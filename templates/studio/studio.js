// Shows the mail anew when a file it is made of changes, and stays where the reader was.
"use strict";
const changes = new EventSource("/changes?since=" + document.documentElement.dataset.stamp);
changes.addEventListener("ready", () => { document.documentElement.dataset.listening = "yes"; });
changes.addEventListener("changed", () => location.reload());
addEventListener("pagehide", () => changes.close());
const reader = document.querySelector("select");
if (reader) reader.addEventListener("change", () => {
  reader.form.elements.person.value = "";
  reader.form.requestSubmit();
});
