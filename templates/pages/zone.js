// Chooses the browser's own time zone, where the list has it and nobody has chosen yet.
const list = document.getElementById("timezone");
const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (list && !list.value && [...list.options].some((option) => option.value === here)) list.value = here;
