// Plots over time, as SVG of ours. Each has a heading that sums it up, and a table with the same figures.

import { html, useEffect, useRef, useState } from "../vendor/htm-preact.js";
import { clock, exact } from "./format.js";

const HEIGHT = 170, LEFT = 58, RIGHT = 8, TOP = 10, BOTTOM = 22;

/** Round figures for an axis from 0: about four of them, whole if `whole`. */
export function ticks(top, whole = true) {
  const rough = Math.max(top, whole ? 1 : 1e-9) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max([1, 2, 5, 10].find((factor) => factor * power >= rough) * power, whole ? 1 : 0);
  return Array.from({ length: Math.ceil(Math.max(top, step) / step) + 1 }, (_, number) => number * step);
}

/** Binary steps for an axis of bytes. */
export function byteTicks(top) {
  const unit = 1024 ** Math.max(0, Math.floor(Math.log(Math.max(top, 1)) / Math.log(1024)));
  return ticks(top / unit, false).map((value) => value * unit);
}

/** The width of an element, as it changes. */
function useWidth() {
  const element = useRef(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWidth(Math.round(entry.contentRect.width)));
    observer.observe(element.current);
    return () => observer.disconnect();
  }, []);
  return [element, width];
}

/** Runs of points without a gap: a gap is more than two and a half widths without a point. */
function runs(points, width) {
  const found = [];
  for (const point of points) {
    const run = found[found.length - 1];
    if (run && point.t - run[run.length - 1].t <= width * 2500) run.push(point);
    else found.push([point]);
  }
  return found;
}

/** The times without samples between runs: [from, to]. */
const gapsBetween = (found) => found.slice(1).map((run, index) => [found[index].at(-1).t, run[0].t]);

/** The sums of the series up to and with each, for a point. */
function stacked(point, series) {
  let sum = 0;
  return series.map(({ key }) => (sum += point[key] ?? 0));
}

function Areas({ run, series, x, y, stack }) {
  const tops = run.map((point) => (stack ? stacked(point, series) : series.map(({ key }) => point[key])));
  const line = (values) => values.map((value, index) => `${index ? "L" : "M"}${x(run[index].t).toFixed(1)} ${y(value ?? 0).toFixed(1)}`).join("");
  return series.map(({ key, colour }, index) => {
    if (!run.some((point) => point[key] > 0)) return null;
    const top = tops.map((values) => values[index]);
    const base = stack && index ? tops.map((values) => values[index - 1]) : tops.map(() => 0);
    if (run.length === 1) return html`<circle key=${key} class="dot ${colour}" cx=${x(run[0].t)} cy=${y(top[0] ?? 0)} r="2.5" />`;
    const under = [...base].reverse().map((value, place) => `L${x(run[run.length - 1 - place].t).toFixed(1)} ${y(value).toFixed(1)}`).join("");
    return html`<g key=${key}><path class="area ${colour}" d=${`${line(top)}${under}Z`} /><path class="line ${colour}" d=${line(top)} /></g>`;
  });
}

function Bars({ points, series, x, y, wide }) {
  return points.map((point) => {
    const tops = stacked(point, series);
    return series.map(({ key, colour }, index) => {
      const from = index ? tops[index - 1] : 0;
      const high = y(from) - y(tops[index]);
      return high > 0 && html`<rect key=${key + point.t} class="bar ${colour}" x=${x(point.t) - wide / 2} width=${wide} y=${y(tops[index])} height=${high} />`;
    });
  });
}

/** What stands under the pointer, or under the arrow keys. */
function Reading({ point, series, x, show, width }) {
  const left = x(point.t) > width * 0.6;
  return html`
    <div class="reading ${left ? "left" : ""}" style=${{ left: `${x(point.t)}px` }}>
      <b>${exact(point.at)}</b>${series.map(({ key, label, colour }) => html`
      <span key=${key}><i class="key ${colour}" />${label} <b>${point[key] === null ? "unknown" : show(point[key])}</b></span>`)}
    </div>`;
}

/**
 * Parameters: `points` with `at` and the values of `series` ({key, label, colour}); `width`, the seconds of a point;
 * `from`, `to` in ms; `kind`: "area" (stacked), "line" or "bars"; `show` makes a value a text, `mark` one at the axis; `summary`: the plot in words.
 */
export function Plot({ title, points, series, width, from, to, kind = "area", show = String, mark = show, axis = ticks, summary }) {
  const [box, wide] = useWidth();
  const [at, setAt] = useState(null);
  const known = points.map((point) => ({ ...point, t: Date.parse(point.at) })).filter((point) => point.t >= from - width * 1000);
  const whole = runs(known, width), gaps = gapsBetween(whole);
  const highest = Math.max(0, ...known.map((point) => (kind === "line"
    ? Math.max(...series.map(({ key }) => point[key] ?? 0)) : stacked(point, series).at(-1))));
  const marks = axis(highest);
  const x = (time) => LEFT + ((time - from) / (to - from)) * Math.max(1, wide - LEFT - RIGHT);
  const y = (value) => TOP + (1 - value / marks.at(-1)) * (HEIGHT - TOP - BOTTOM);
  const hours = Array.from({ length: wide > 420 ? 5 : 3 }, (_, number, of = wide > 420 ? 4 : 2) => from + ((to - from) * number) / of);
  const move = (event) => {
    const time = from + ((event.clientX - event.currentTarget.getBoundingClientRect().left - LEFT) / (wide - LEFT - RIGHT)) * (to - from);
    setAt(known.length ? known.reduce((best, point, index) => (Math.abs(point.t - time) < Math.abs(known[best].t - time) ? index : best), 0) : null);
  };
  const keys = (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step && known.length) { event.preventDefault(); setAt(Math.min(known.length - 1, Math.max(0, (at ?? known.length) + step))); }
  };
  return html`
    <figure class="plot">
      <figcaption><h3>${title}</h3><p>${summary}</p>
        <ul class="legend">${series.map(({ key, label, colour }) => html`<li key=${key}><i class="key ${colour}" />${label}</li>`)}
          ${gaps.length > 0 && html`<li key="gap"><i class="key c-gap" />no samples</li>`}</ul></figcaption>
      <div class="canvas" ref=${box} tabindex="0" role="img" aria-label=${`${title}: ${summary} Arrow keys read single values.`}
        onPointerMove=${move} onPointerLeave=${() => setAt(null)} onKeyDown=${keys} onBlur=${() => setAt(null)}>
        ${wide > 0 && html`<svg width=${wide} height=${HEIGHT} aria-hidden="true">
          ${gaps.map(([since, until]) => html`<rect key=${since} class="gap" x=${x(since)} width=${x(until) - x(since)} y=${TOP} height=${HEIGHT - TOP - BOTTOM} />`)}
          ${marks.map((value) => html`<g key=${value}><line class="grid" x1=${LEFT} x2=${wide - RIGHT} y1=${y(value)} y2=${y(value)} />
            <text class="mark" x=${LEFT - 6} y=${y(value) + 4} text-anchor="end">${mark(value)}</text></g>`)}
          ${hours.map((time, index) => html`<text key=${index} class="mark" x=${x(time)} y=${HEIGHT - 5}
            text-anchor=${index === 0 ? "start" : index === hours.length - 1 ? "end" : "middle"}>${clock(time, to)}</text>`)}
          ${kind === "bars" ? html`<${Bars} points=${known} series=${series} x=${x} y=${y}
            wide=${Math.max(1.5, Math.min(14, ((wide - LEFT) * width * 1000) / (to - from) - 1))} />`
            : whole.map((run) => html`<${Areas} key=${run[0].t} run=${run} series=${series} x=${x} y=${y} stack=${kind === "area"} />`)}
          ${at !== null && known[at] && html`<line class="cross" x1=${x(known[at].t)} x2=${x(known[at].t)} y1=${TOP} y2=${HEIGHT - BOTTOM} />`}
        </svg>`}
        ${at !== null && known[at] && html`<${Reading} point=${known[at]} series=${series} x=${x} show=${show} width=${wide} />`}
        ${!known.length && html`<p class="plot-empty">No samples yet: one is taken every few seconds.</p>`}
      </div>
    </figure>`;
}
