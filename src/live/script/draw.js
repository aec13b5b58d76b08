// Drawings. Each is told everything it shows and keeps nothing.

const TURN = 2 * Math.PI;

// A canvas as large as its element, in CSS pixels, cleared.
function sketch(canvas) {
  const { clientWidth: w, clientHeight: h } = canvas, ratio = window.devicePixelRatio;
  const [width, height] = [Math.round(w * ratio), Math.round(h * ratio)];
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, w, h);
  pen.font = "12px system-ui, sans-serif";
  return { pen, w, h };
}

function dot(pen, x, y, radius, fill, edge) {
  pen.beginPath();
  pen.arc(x, y, radius, 0, TURN);
  pen.fillStyle = fill;
  pen.fill();
  if (edge) {
    pen.strokeStyle = edge;
    pen.stroke();
  }
}

function tick(pen, from, to, colour, dashes) {
  pen.setLineDash(dashes);
  pen.strokeStyle = colour;
  pen.lineWidth = 2;
  pen.beginPath();
  pen.moveTo(...from);
  pen.lineTo(...to);
  pen.stroke();
  pen.setLineDash([]);
  pen.lineWidth = 1;
}

// How many bumps have moved how far, before and after, side by side in each bin.
function drawHistogram(canvas, { before, after, colours }) {
  const { pen, w, h } = sketch(canvas), bottom = h - 18, top = 16, BINS = 24;
  const largest = Math.max(1, ...[...before, ...after].map(Math.abs)), bin = Math.ceil(largest / BINS);
  const bins = Math.floor(largest / bin) + 1, slot = w / bins;
  const counts = [before, after].map((ways) => {
    const count = new Array(bins).fill(0);
    for (const way of ways) count[Math.floor(Math.abs(way) / bin)]++;
    return count;
  });
  const most = Math.max(1, ...counts.flat());
  counts.forEach((count, which) => {
    pen.fillStyle = which ? colours.after : colours.before;
    count.forEach((c, k) => {
      const height = (bottom - top) * c / most;
      pen.fillRect((k + 0.06 + 0.45 * which) * slot, bottom - height, 0.43 * slot, height);
    });
  });
  pen.fillStyle = colours.soft;
  pen.fillRect(0, bottom, w, 1);
  pen.textBaseline = "alphabetic";
  const every = Math.ceil(bins / Math.max(1, Math.floor(w / 60)));
  for (let k = 0; k < bins; k += every) {
    pen.textAlign = k ? "center" : "left";
    pen.fillText(String(k * bin), k * slot + (k ? slot / 2 : 0), h - 4);
  }
  pen.textAlign = "left";
  pen.fillText(`${most} ${most === 1 ? "bump" : "bumps"}`, 0, 11);
}
