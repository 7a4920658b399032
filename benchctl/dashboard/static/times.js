// Times in the reader's own zone; UTC stays in the title.
"use strict";
const shape = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
for (const one of document.querySelectorAll("time[datetime]")) one.textContent = shape.format(new Date(one.dateTime));
