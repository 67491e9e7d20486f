/** Builds small fMP4 messages as the hub sends them. */

function box(type: string, ...content: (Uint8Array | number[])[]): Uint8Array<ArrayBuffer> {
  const size = 8 + content.reduce((sum, part) => sum + part.length, 0);
  const bytes = new Uint8Array(size);
  new DataView(bytes.buffer).setUint32(0, size);
  bytes.set([...type].map((character) => character.charCodeAt(0)), 4);
  let at = 8;
  for (const part of content) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function u32(...values: number[]): number[] {
  return values.flatMap((value) => [
    (value >>> 24) & 255,
    (value >>> 16) & 255,
    (value >>> 8) & 255,
    value & 255,
  ]);
}

function u64(value: number): number[] {
  return [...u32(Math.floor(value / 2 ** 32)), ...u32(value % 2 ** 32)];
}

export function joined(...parts: Uint8Array[]): ArrayBuffer {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes.buffer;
}

export function init(timescale = 90_000): Uint8Array<ArrayBuffer> {
  const mdhd = box("mdhd", u32(0, 0, 0, timescale, 0, 0));
  const moov = box("moov", box("trak", box("mdia", mdhd)));
  return joinedBytes(box("ftyp", u32(0, 0)), moov);
}

function joinedBytes(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(joined(...parts));
}

/** One frame; times in ticks. */
export function fragment(
  decodeTime: number,
  { keyframe = false, duration = 3600, payload = 16, composition = 0 } = {},
): Uint8Array<ArrayBuffer> {
  const flags = keyframe ? 0x0200_0000 : 0x0101_0000;
  const traf = box(
    "traf",
    box("tfhd", u32(0x02_0000, 1)),
    box("tfdt", u32(0x0100_0000), u64(decodeTime)),
    // Data offset, sample duration, size, flags, composition offset.
    box("trun", u32(0x0100_0f01, 1, 0, duration, payload, flags, composition)),
  );
  const moof = box("moof", box("mfhd", u32(0, 1)), traf);
  return joinedBytes(moof, box("mdat", new Uint8Array(payload)));
}
