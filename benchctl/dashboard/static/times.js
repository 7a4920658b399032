// Times as one says them, in the reader's own zone; the whole of it, with UTC, stays in the title.
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const dayOfYear = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const whole = new Intl.DateTimeFormat(undefined, {
  year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit",
  timeZoneName: "short",
});

function said(moment, now) {
  const minutes = Math.floor((now - moment) / 60_000);
  if (minutes >= 0 && minutes < 1) return "just now";
  if (minutes >= 1 && minutes < 60) return `${minutes} min ago`;
  const midnight = new Date(now).setHours(0, 0, 0, 0);
  const days = Math.ceil((midnight - moment) / 86_400_000);
  if (days <= 0 && moment <= now) return `today ${clock.format(moment)}`;
  if (days === 1) return `yesterday ${clock.format(moment)}`;
  const isThisYear = moment.getFullYear() === new Date(now).getFullYear();
  return `${(isThisYear ? day : dayOfYear).format(moment)} ${clock.format(moment)}`;
}

export function sayTimes(within) {
  const now = Date.now();
  for (const one of within.querySelectorAll("time[datetime]")) {
    const moment = new Date(one.dateTime);
    one.textContent = said(moment, now);
    one.title = `${whole.format(moment)} = ${one.dateTime.replace("T", " ").replace("Z", "")} UTC`;
  }
}

sayTimes(document);
