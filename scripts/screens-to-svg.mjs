// Draws captured terminals (tmux capture-pane -e) side by side as an SVG on standard output.
// usage: node screens-to-svg.mjs COLUMNS ROWS TITLE=FILE...
import { readFileSync } from 'node:fs';

const [columns, rows, ...screens] = process.argv.slice(2);
const cell = { width: 8.4, height: 19 };
const margin = 14, bar = 30, gap = 18;
const window = { width: columns * cell.width + 2 * margin, height: rows * cell.height + bar + 2 * margin };
const colours = { text: '#d8dee9', dim: '#8a94a6', 36: '#5fd7d7', 31: '#e06c75', 32: '#98c379', 33: '#e5c07b' };

const escaped = (text) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
const wide = /^(?:[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{1f300}-\u{1faff}]|[\u{20000}-\u{3fffd}])/u;
const widthOf = (character) => (/^\p{M}|\u200d|\ufe0f/u.test(character) ? 0 : wide.test(character) ? 2 : 1);

// A row as runs of one style, each with its column. tmux tells changes of style only, over the ends of rows too.
let style;
function runsOf(row) {
  const runs = [];
  let column = 0;
  let last = null;
  for (const [piece, parameters] of row.matchAll(/\x1b\[([0-9;]*)m|\x1b.|./gu)) {
    if (parameters !== undefined) {
      for (const code of parameters.split(';').map(Number)) {
        if (code === 0) style = { bold: false, dim: false, colour: 0 };
        else if (code === 1) style = { ...style, bold: true };
        else if (code === 2) style = { ...style, dim: true };
        else if (code === 22) style = { ...style, bold: false, dim: false };
        else if (code >= 30 && code <= 37) style = { ...style, colour: code };
        else if (code === 39) style = { ...style, colour: 0 };
      }
      last = null;
    } else if (!piece.startsWith('\x1b')) {
      const width = widthOf(piece);
      // A character of two columns stands alone: fonts do not agree on how wide it is.
      if (!last || width === 2 || last.wide) runs.push((last = { column, text: '', style, columns: 0, wide: width === 2 }));
      last.text += piece;
      last.columns += width;
      column += width;
    }
  }
  return runs.filter((run) => run.text.trim() !== '');
}

function drawRun(run, x, y) {
  const fill = colours[run.style.colour] ?? (run.style.dim ? colours.dim : colours.text);
  const text = run.text.replace(/ +$/, '');
  const columnsUsed = run.columns - (run.text.length - text.length);
  return `<text x="${(x + run.column * cell.width).toFixed(1)}" y="${y}" fill="${fill}"` +
    `${run.style.bold ? ' font-weight="bold"' : ''} textLength="${(columnsUsed * cell.width).toFixed(1)}" lengthAdjust="spacingAndGlyphs">` +
    `${escaped(text)}</text>`;
}

const width = screens.length * window.width + (screens.length - 1) * gap;
const out = [
  `<svg xmlns="http://www.w3.org/2000/svg" width="${Math.ceil(width)}" height="${window.height}" ` +
    `viewBox="0 0 ${Math.ceil(width)} ${window.height}" font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="14" xml:space="preserve">`,
];
screens.forEach((screen, i) => {
  const [title, file] = screen.split('=');
  const left = i * (window.width + gap);
  style = { bold: false, dim: false, colour: 0 };
  out.push(`<rect x="${left}" width="${window.width}" height="${window.height}" rx="9" fill="#1d2330"/>`);
  out.push(`<text x="${left + window.width / 2}" y="21" text-anchor="middle" fill="${colours.dim}">${escaped(title)}</text>`);
  readFileSync(file, 'utf8').split('\n').slice(0, rows).forEach((row, line) => {
    const y = bar + margin + line * cell.height + 13;
    for (const run of runsOf(row)) out.push(drawRun(run, left + margin, y));
  });
});
console.log(out.join('\n') + '\n</svg>');
