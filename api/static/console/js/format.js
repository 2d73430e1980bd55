// Values as people read them: durations, times, sizes, names. It knows neither the API nor the page.

const UNITS = [[86400, "d", 3600, "h"], [3600, "h", 60, "min"], [60, "min", 1, "s"]];

/** A length of time in its two largest units, or one: "850 ms", "4 min 10 s", "3 d 4 h". */
export function duration(seconds, units = 2) {
  const length = Math.max(0, seconds);
  if (length < 1) return `${Math.round(length * 1000)} ms`;
  if (length < 10) return `${length.toFixed(1)} s`;
  const whole = Math.floor(length);
  for (const [size, unit, smallerSize, smaller] of UNITS) {
    if (whole < size) continue;
    const rest = Math.floor((whole % size) / smallerSize);
    return rest && units > 1 ? `${Math.floor(whole / size)} ${unit} ${rest} ${smaller}` : `${Math.floor(whole / size)} ${unit}`;
  }
  return `${whole} s`;
}

/** How long ago a moment was, in one unit: "just now", "4 min ago", "in 2 h". */
export function ago(moment, now) {
  const seconds = (now - Date.parse(moment)) / 1000;
  if (Math.abs(seconds) < 5) return "just now";
  const size = Math.abs(seconds);
  const [count, unit] = size < 60 ? [size, "s"] : size < 3600 ? [size / 60, "min"] : size < 172800 ? [size / 3600, "h"] : [size / 86400, "d"];
  const text = `${Math.floor(count)} ${unit}`;
  return seconds > 0 ? `${text} ago` : `in ${text}`;
}

/** A moment to the second, in the reader's own time zone, which is named. */
export function exact(moment) {
  const date = new Date(moment);
  const pad = (number) => String(number).padStart(2, "0");
  const zone = -date.getTimezoneOffset();
  const offset = zone === 0 ? "UTC" : `UTC${zone > 0 ? "+" : "−"}${Math.floor(Math.abs(zone) / 60)}${zone % 60 ? ":" + pad(Math.abs(zone) % 60) : ""}`;
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())} `
    + `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())} ${offset}`;
}

/** The time of day, with the date in front where it is another day than `now`. */
export function clock(moment, now, seconds = false) {
  const date = new Date(moment);
  const pad = (number) => String(number).padStart(2, "0");
  const time = `${pad(date.getHours())}:${pad(date.getMinutes())}${seconds ? `:${pad(date.getSeconds())}` : ""}`;
  return now - date > 86400e3 ? `${pad(date.getMonth() + 1)}-${pad(date.getDate())} ${time}` : time;
}

/** Bytes in binary units, three digits: "1.50 GiB". */
export function bytes(size) {
  if (size === null || size === undefined) return "unknown";
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let value = size, unit = 0;
  while (value >= 1000 && unit < units.length - 1) { value /= 1024; unit += 1; }
  return `${unit === 0 ? value : value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)} ${units[unit]}`;
}

/** A number with thousands apart. */
export function count(number) {
  return number === null || number === undefined ? "unknown" : Math.round(number).toString().replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

/** "1 task", "2 tasks". */
export function plural(number, one, many = `${one}s`) {
  return `${count(number)} ${number === 1 ? one : many}`;
}

/** The last two parts of an actor's name. */
export function shortName(actor) {
  return (actor || "").split(".").slice(-2).join(".");
}

/** The key in an href or PRN, cut to where two are still told apart: UUIDv7 begin with the time. */
export function shortKey(reference) {
  const key = /([0-9a-f]{8})-?[0-9a-f-]+([0-9a-f]{6})\/?$/.exec(reference || "");
  return key ? key[2] : reference;
}

/** A resource in words: "filerepository …a1b2c3" for a PRN, other names as they are. */
export function resourceKind(name) {
  const parts = /^(?:pdrn|prn):([a-z_]+)\.([a-z_]+):/.exec(name);
  return parts ? parts[2].replace(new RegExp(`^${parts[1]}`), "") : "";
}
