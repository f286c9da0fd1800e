// How numbers and times are written. Unknown is null, and never written as 0.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const fine = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });

export const unknown = "unknown";

export function count(value) {
  return value === null || value === undefined ? unknown : whole.format(value);
}

export function rate(value) {
  return value === null || value === undefined ? unknown : `${whole.format(value)}/s`;
}

export function replicas(value) {
  return value === null || value === undefined ? unknown : fine.format(value);
}

export function age(value) {
  if (value === null || value === undefined) return unknown;
  if (value < 1) return `${Math.round(value * 1000)} ms`;
  return value < 10 ? `${value.toFixed(1)} s` : `${whole.format(value)} s`;
}

export function clock(seconds) {
  const all = Math.max(0, Math.round(seconds));
  const minutes = Math.floor(all / 60);
  const rest = String(all % 60).padStart(2, "0");
  if (minutes < 60) return `${minutes}m${rest}s`;
  return `${Math.floor(minutes / 60)}h${String(minutes % 60).padStart(2, "0")}m`;
}
