// Makes a picture of a page small: few colours, as pages have, in a palette.
import { deflateSync, inflateSync } from 'node:zlib';

const SIGNATURE = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
const MOST_COLOURS = 256;
// Bytes of a pixel, by the format's numbers: true colour without and with transparency.
const CHANNELS = { 2: 3, 6: 4 };

// From a PNG as browsers make it (8 bits, not interlaced) one with a palette.
export function shrink(png) {
  const { width, height, colours } = read(png);
  const palette = choose(colours);
  const rows = Buffer.alloc((width + 1) * height);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) rows[y * (width + 1) + 1 + x] = palette.place(colours[y * width + x]);
  }
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 3], 8);
  const table = Buffer.from(palette.colours.flatMap((colour) => [colour >> 16, (colour >> 8) & 255, colour & 255]));
  return Buffer.concat([SIGNATURE, chunk('IHDR', head), chunk('PLTE', table), chunk('IDAT', deflateSync(rows, { level: 9 })), chunk('IEND', Buffer.alloc(0))]);
}

function read(png) {
  const width = png.readUInt32BE(16);
  const height = png.readUInt32BE(20);
  const channels = CHANNELS[png[25]];
  if (png[24] !== 8 || !channels || png[28] !== 0) throw new Error('this kind of PNG is not made by the browser');
  const parts = [];
  for (let at = 8; at < png.length; at += 12 + png.readUInt32BE(at)) {
    if (png.toString('latin1', at + 4, at + 8) === 'IDAT') parts.push(png.subarray(at + 8, at + 8 + png.readUInt32BE(at)));
  }
  const bytes = inflateSync(Buffer.concat(parts));
  const stride = width * channels;
  const colours = new Uint32Array(width * height);
  let above = Buffer.alloc(stride);
  for (let y = 0; y < height; y += 1) {
    const row = bytes.subarray(y * (stride + 1) + 1, (y + 1) * (stride + 1));
    unfilter(bytes[y * (stride + 1)], row, above, channels);
    for (let x = 0; x < width; x += 1) colours[y * width + x] = row.readUIntBE(x * channels, 3);
    above = row;
  }
  return { width, height, colours };
}

// The five filters of PNG, section 9 of its specification.
function unfilter(filter, row, above, channels) {
  for (let at = 0; at < row.length; at += 1) {
    const left = at < channels ? 0 : row[at - channels];
    const corner = at < channels ? 0 : above[at - channels];
    row[at] += [0, left, above[at], (left + above[at]) >> 1, paeth(left, above[at], corner)][filter];
  }
}

function paeth(left, above, corner) {
  const [a, b, c] = [left, above, corner].map((value) => Math.abs(left + above - corner - value));
  if (a <= b && a <= c) return left;
  return b <= c ? above : corner;
}

// Colours so chosen that each is at most a step from one of them, the frequent ones as they are.
function choose(colours) {
  const counts = new Map();
  for (const colour of colours) counts.set(colour, (counts.get(colour) ?? 0) + 1);
  const frequent = [...counts].sort((a, b) => b[1] - a[1]).map(([colour]) => colour);
  for (let step = 0; ; step += 4) {
    const chosen = [];
    const places = new Map();
    for (const colour of frequent) {
      const near = chosen.findIndex((other) => apart(colour, other) <= step);
      places.set(colour, near < 0 ? chosen.push(colour) - 1 : near);
      if (chosen.length > MOST_COLOURS) break;
    }
    if (chosen.length <= MOST_COLOURS) return { colours: chosen, place: (colour) => places.get(colour) };
  }
}

function apart(one, other) {
  return Math.max(...[16, 8, 0].map((shift) => Math.abs(((one >> shift) & 255) - ((other >> shift) & 255))));
}

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit += 1) rest = rest & 1 ? (rest >>> 1) ^ 0xedb88320 : rest >>> 1;
  return rest;
});

function chunk(name, content) {
  const body = Buffer.concat([Buffer.from(name, 'latin1'), content]);
  const sum = body.reduce((sum, byte) => TABLE[(sum ^ byte) & 255] ^ (sum >>> 8), 0xffffffff);
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(content.length);
  check.writeUInt32BE((sum ^ 0xffffffff) >>> 0);
  return Buffer.concat([length, body, check]);
}
