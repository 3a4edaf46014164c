/** How the page looks: light and dark, from 360 px on, and on paper. State is never told by colour alone. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --paper: #fbfbf9; --sheet: #ffffff; --ink: #1d2126; --dim: #5b6470; --line: #dcdfe3; --line-soft: #eceef0;
  --accent: #2563a8; --sealed: #5b8ec6; --active: #2e9e6b; --compressed: #8a79c9; --unsealed: #d3a13a; --unread: #b6bdc6;
  --bad: #c02a2a; --bad-soft: #fdecea; --fair: #9a6300; --fair-soft: #fdf3df; --good: #1d7a4d; --good-soft: #e6f5ec;
  --base: #1d2126; --backup: #98a1ac; --ring: #d07a2c; --point: #7b8794; --waiting: #d07a2c;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171b; --sheet: #1b1f24; --ink: #e4e7ea; --dim: #9aa4af; --line: #343a42; --line-soft: #262b31;
    --accent: #6ea8e6; --sealed: #4d80b8; --active: #3fae7b; --compressed: #8f80cf; --unsealed: #c99a3c; --unread: #59626d;
    --bad: #ff7b72; --bad-soft: #3a1f20; --fair: #e3b25a; --fair-soft: #35290f; --good: #62c78f; --good-soft: #16301f;
    --base: #e4e7ea; --backup: #7d8792; --ring: #e0934a; --point: #8b97a5; --waiting: #f0a55c;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0 auto; max-width: 84rem; padding: 1rem; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
h1, h2, h3 { line-height: 1.25; overflow-wrap: anywhere; }
h1 { margin: 0 0 .8rem; font-size: 1.6rem; }
h2 { margin: 0 0 .4rem; font-size: 1.2rem; }
h3 { margin: 1.2rem 0 .3rem; font-size: 1rem; }
p { margin: .4rem 0 .8rem; max-width: 76ch; overflow-wrap: anywhere; }
code { font: .92em ui-monospace, monospace; overflow-wrap: anywhere; }
a { color: var(--accent); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
section { margin: 1rem 0; padding: 1rem; background: var(--sheet); border: 1px solid var(--line); border-radius: 8px; }
section, article, tr { scroll-margin-top: .5rem; }
footer, .dim, .left-out { color: var(--dim); }
.left-out { font-style: italic; }
.left-out code { white-space: nowrap; }
.bad { color: var(--bad); }
.eyebrow { margin: 0; color: var(--dim); font-size: .85rem; }
.callout { max-width: none; padding: .6rem .8rem; border-left: 4px solid; border-radius: 4px; }
.callout.good { background: var(--good-soft); border-color: var(--good); }
.callout.fair { background: var(--fair-soft); border-color: var(--fair); }
.callout.bad { background: var(--bad-soft); border-color: var(--bad); color: inherit; }
.callout.good strong { color: var(--good); } .callout.fair strong { color: var(--fair); } .callout.bad strong { color: var(--bad); }
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(10.5rem, 1fr)); gap: .6rem 1.2rem; margin: 1rem 0; }
.facts dt { color: var(--dim); font-size: .8rem; }
.facts dd { margin: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
nav { display: flex; flex-wrap: wrap; gap: .3rem 1.1rem; }

.map { display: flex; flex-wrap: wrap; row-gap: .5rem; margin: .6rem 0; padding: 0; list-style: none; }
.cell a { position: relative; display: block; padding: 0 1px; color: inherit; text-decoration: none; }
.map.large .cell { width: 5.2rem; } .map.medium .cell { width: 2.6rem; } .map.small .cell { width: 1.35rem; }
.cell svg { display: block; width: 100%; height: 2.4rem; background: var(--line-soft); border: 1px solid var(--line); }
.map.small .cell svg { height: 1.5rem; }
.cell .letter { position: absolute; right: 0; bottom: .1rem; left: 0; text-align: center; font-size: .75rem; font-weight: 600; }
.map.small .letter { bottom: 0; font-size: .62rem; }
.cell .covers { display: flex; flex-direction: column; justify-content: flex-end; gap: 2px; height: 10px; margin: 0 -1px 3px; }
.covers i { height: 4px; }
.covers i.end { margin-right: 2px; }
.base { background: var(--base); fill: var(--base); }
.backup { background: var(--backup); fill: var(--backup); }
.sealed .used, rect.sealed, .swatch.sealed { fill: var(--sealed); background: var(--sealed); }
.active .used, rect.active, .swatch.active { fill: var(--active); background: var(--active); }
.compressed .used, rect.compressed, .swatch.compressed { fill: var(--compressed); background: var(--compressed); }
.unsealed .used, rect.unsealed, .swatch.unsealed { fill: var(--unsealed); background: var(--unsealed); }
.unread .used, rect.unread, .swatch.unread { fill: var(--unread); background: var(--unread); }
.covered .used { opacity: .45; }
.rejected .used, .swatch.rejected { fill: var(--bad-soft); background: var(--bad-soft); }
.cell.hurt svg { border: 2px solid var(--bad); }
.cell.rejected svg, .swatch.rejected { border: 2px solid var(--bad); }
.cell.missing svg, .swatch.missing { background: none; border: 2px dashed var(--bad); }
.cell.gone svg, .swatch.gone { background: none; border: 1px dashed var(--dim); }
.cell.rejected .letter, .cell.missing .letter { color: var(--bad); }
.cell.hurt .letter { text-decoration: underline; }
rect.damage, .swatch.damage { fill: var(--bad); background: var(--bad); }
rect.torn, .swatch.torn { fill: var(--fair); background: var(--fair); }
rect.ring, .swatch.ring { fill: var(--ring); background: var(--ring); }
.note { display: none; }
.cell a:hover + .note, .cell a:focus-visible + .note {
  position: fixed; right: 1rem; bottom: 1rem; left: 1rem; z-index: 1; display: block; max-width: 48rem; margin: 0 auto; padding: .6rem .8rem;
  background: var(--ink); color: var(--paper); border-radius: 6px; overflow-wrap: anywhere; pointer-events: none;
}
.note span { display: block; }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; margin: .4rem 0 .8rem; padding: 0; list-style: none; color: var(--dim); font-size: .85rem; }
.swatch { display: inline-block; min-width: 1.1rem; height: 1.1rem; vertical-align: -.2rem; border-radius: 2px; color: var(--ink); font: 600 .72rem/1.1rem system-ui, sans-serif; text-align: center; }
.swatch.stripe { height: 4px; vertical-align: .25rem; }
.swatch.estimate { height: .7rem; vertical-align: 0; background: color-mix(in srgb, var(--accent) 22%, transparent); border-top: 2px solid var(--accent); border-radius: 0; }
.swatch.point { min-width: .6rem; height: .6rem; vertical-align: 0; background: var(--point); border-radius: 50%; }
.swatch.point.waiting { background: var(--waiting); }
.swatch.checkpoint, .swatch.commit, .swatch.rollback { min-width: 0; width: 0; border-left: 2px solid; border-radius: 0; }
.swatch.checkpoint { border-left-style: dashed; color: var(--compressed); }
.swatch.commit { color: var(--active); }
.swatch.rollback { border-left-style: dotted; border-left-width: 3px; color: var(--bad); }

.scroll { overflow-x: auto; margin: .6rem 0; }
table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; }
caption { padding: .2rem 0; text-align: left; font-weight: 600; }
th, td { padding: .25rem .9rem .25rem 0; border-bottom: 1px solid var(--line-soft); text-align: left; vertical-align: top; }
th { color: var(--dim); font-weight: 500; white-space: nowrap; }
td { max-width: 34rem; overflow-wrap: break-word; }
.id { display: inline-block; min-width: 5rem; max-width: 22rem; overflow-wrap: anywhere; }
.text { display: inline-block; min-width: 11rem; overflow-wrap: anywhere; }
h3 .id, p .id, .note .id { display: inline; }
td.number, th.number { text-align: right; white-space: nowrap; }
tr:target { background: var(--fair-soft); }
details > summary { width: fit-content; color: var(--accent); cursor: pointer; }

.strips { margin: .8rem 0; }
.strip { display: grid; grid-template-columns: 11rem minmax(0, 1fr) 4.5rem; gap: .6rem; margin: .7rem 0; }
.strip .name { font-size: .85rem; overflow-wrap: anywhere; }
.strip .name b { display: block; font-weight: 600; }
.strip .name span, .scale, .axis { color: var(--dim); font-size: .78rem; font-variant-numeric: tabular-nums; }
.scale { display: flex; flex-direction: column; justify-content: space-between; line-height: 1; }
.axis { display: flex; justify-content: space-between; margin: 0 calc(4.5rem + .6rem) 0 calc(11rem + .6rem); }
.axis.buckets { justify-content: space-around; }
.plot { display: block; width: 100%; height: 2.8rem; overflow: hidden; }
.tall .plot { height: 13rem; }
.user .strip { grid-template-columns: 4.5rem minmax(0, 1fr); }
.user .scale { text-align: right; }
.user .axis { margin: 0 0 0 calc(4.5rem + .6rem); }
.user { padding-top: .2rem; border-top: 1px solid var(--line-soft); }
.lsn-line { margin: .8rem 0; }
.lsn-line .axis { margin: .2rem 0; }
.lsn-line .plot { height: 2.2rem; background: var(--line-soft); }
.duration { width: 9rem; max-width: 30vw; height: .7rem; margin-right: .5rem; background: var(--line-soft); }
.plot path { vector-effect: non-scaling-stroke; }
.ground { fill: none; stroke: var(--line); stroke-width: 1; }
.bars { fill: var(--sealed); }
.all { fill: var(--accent); }
.bars.checkpoint { fill: var(--compressed); } .bars.commit { fill: var(--active); } .bars.rollback { fill: var(--bad); } .bars.bytes { fill: var(--unread); }
.band { fill: var(--accent); opacity: .16; }
path.estimate { fill: none; stroke: var(--accent); stroke-width: 1.8; }
.points { fill: none; stroke: var(--point); stroke-width: 4.5; stroke-linecap: round; }
.points.waiting { stroke: var(--waiting); stroke-width: 5.5; }
.mark { fill: none; stroke-width: 1.5; }
path.checkpoint.mark { stroke: var(--compressed); stroke-dasharray: 5 4; }
path.commit.mark, path.clear.mark { stroke: var(--active); }
path.rollback.mark { stroke: var(--bad); stroke-width: 3; stroke-dasharray: 2 4; }

@media (max-width: 44rem) {
  body { padding: .6rem; }
  section { padding: .8rem; }
  .facts { grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr)); }
  .map.large .cell { width: 4.8rem; }
  .strip { grid-template-columns: minmax(0, 1fr) 3.2rem; gap: .2rem .5rem; }
  .strip .name { grid-column: 1 / -1; }
  .strip .name b { display: inline; }
  .axis { margin: 0 calc(3.2rem + .5rem) 0 0; }
  .user .strip { grid-template-columns: 3.2rem minmax(0, 1fr); }
  .user .axis { margin: 0 0 0 calc(3.2rem + .5rem); }
  .axis:not(.buckets):not(.lsn-line .axis) span:nth-child(even) { display: none; }
  .tall .plot { height: 10rem; }
  .points { stroke-width: 3; } .points.waiting { stroke-width: 4; }
  .duration { display: block; }
}
@media print {
  :root { --paper: #fff; --sheet: #fff; }
  body { max-width: none; padding: 0; font-size: 10pt; }
  section { break-inside: auto; border: 0; padding: 0; }
  h2, h3 { break-after: avoid; }
  .strip, .cell, tr, .lsn-line { break-inside: avoid; }
  nav, .note { display: none; }
  .scroll { overflow: visible; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  details::details-content { content-visibility: visible; height: auto; }
}
@media (prefers-contrast: more) { :root { --dim: var(--ink); --line: var(--ink); } }
`
