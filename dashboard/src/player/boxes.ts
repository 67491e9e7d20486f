/**
 * Reads what the player must know of an fMP4 message: where the init segment and the fragments
 * lie, when each fragment starts, how long it lasts, and whether it starts with a keyframe
 * (ISO/IEC 14496-12: moof, traf, tfhd, tfdt, trun).
 *
 * Bytes come from the network: everything is bounds-checked, and what cannot be understood is
 * reported as `damaged` rather than thrown.
 */

/** A run of whole boxes inside one message. */
export interface Piece {
  readonly kind: "init" | "fragment" | "damaged";
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Decode time of the first sample in ticks of the media's timescale; fragments only. */
  readonly decodeTime: number;
  /** Ticks from the first sample's decode time to when it is shown. */
  readonly composition: number;
  /** Sum of the samples' durations in ticks; 0 when the fragment does not say. */
  readonly duration: number;
  readonly keyframe: boolean;
}

interface Box {
  readonly type: string;
  /** Offset of the box's contents. */
  readonly start: number;
  readonly end: number;
}

/** ISO/IEC 14496-12, 8.8.3.1: bit 16 of the sample flags. */
const SAMPLE_IS_NON_SYNC = 0x1_0000;

function* boxes(view: DataView, from: number, to: number): Generator<Box> {
  let at = from;
  while (at + 8 <= to) {
    let size = view.getUint32(at);
    let header = 8;
    const type = String.fromCharCode(
      view.getUint8(at + 4),
      view.getUint8(at + 5),
      view.getUint8(at + 6),
      view.getUint8(at + 7),
    );
    if (size === 1) {
      if (at + 16 > to) return;
      size = Number(view.getBigUint64(at + 8));
      header = 16;
    } else if (size === 0) {
      size = to - at;
    }
    if (size < header || at + size > to) return;
    yield { type, start: at + header, end: at + size };
    at += size;
  }
}

function find(view: DataView, parent: Box, type: string): Box | undefined {
  for (const box of boxes(view, parent.start, parent.end)) if (box.type === type) return box;
  return undefined;
}

interface Timing {
  decodeTime: number;
  composition: number;
  duration: number;
  keyframe: boolean;
}

function timingOf(view: DataView, moof: Box): Timing | undefined {
  const traf = find(view, moof, "traf");
  if (!traf) return undefined;
  const tfdt = find(view, traf, "tfdt");
  if (!tfdt || tfdt.end - tfdt.start < 8) return undefined;
  const long = view.getUint8(tfdt.start) === 1;
  if (long && tfdt.end - tfdt.start < 12) return undefined;
  const decodeTime = long
    ? Number(view.getBigUint64(tfdt.start + 4))
    : view.getUint32(tfdt.start + 4);

  let defaultDuration = 0;
  let defaultFlags = SAMPLE_IS_NON_SYNC;
  const tfhd = find(view, traf, "tfhd");
  if (tfhd && tfhd.end - tfhd.start >= 8) {
    const flags = view.getUint32(tfhd.start) & 0xff_ffff;
    let at = tfhd.start + 8;
    if (flags & 0x1) at += 8;
    if (flags & 0x2) at += 4;
    if (flags & 0x8 && at + 4 <= tfhd.end) {
      defaultDuration = view.getUint32(at);
      at += 4;
    }
    if (flags & 0x10) at += 4;
    if (flags & 0x20 && at + 4 <= tfhd.end) defaultFlags = view.getUint32(at);
  }

  let duration = 0;
  let first: number | undefined;
  let composition: number | undefined;
  for (const trun of boxes(view, traf.start, traf.end)) {
    if (trun.type !== "trun" || trun.end - trun.start < 8) continue;
    const flags = view.getUint32(trun.start) & 0xff_ffff;
    const count = view.getUint32(trun.start + 4);
    let at = trun.start + 8;
    if (flags & 0x1) at += 4;
    if (flags & 0x4) {
      if (at + 4 > trun.end) return undefined;
      first ??= view.getUint32(at);
      at += 4;
    }
    const hasDuration = (flags & 0x100) !== 0;
    const hasFlags = (flags & 0x400) !== 0;
    const flagsAt = (hasDuration ? 4 : 0) + (flags & 0x200 ? 4 : 0);
    const compositionAt = flagsAt + (hasFlags ? 4 : 0);
    const step = compositionAt + (flags & 0x800 ? 4 : 0);
    if (at + step * count > trun.end) return undefined;
    if (hasFlags && count > 0) first ??= view.getUint32(at + flagsAt);
    // Version 0 holds unsigned offsets; none is so large that the sign would matter.
    if (flags & 0x800 && count > 0) composition ??= view.getInt32(at + compositionAt);
    if (!hasDuration) duration += count * defaultDuration;
    else for (let sample = 0; sample < count; sample++) duration += view.getUint32(at + sample * step);
  }
  const keyframe = ((first ?? defaultFlags) & SAMPLE_IS_NON_SYNC) === 0;
  return { decodeTime, composition: composition ?? 0, duration, keyframe };
}

/** Splits one binary message into its init segments and fragments, in order. */
export function split(message: ArrayBuffer): Piece[] {
  const view = new DataView(message);
  const pieces: Piece[] = [];
  const piece = (kind: Piece["kind"], start: number, end: number, timing?: Timing): void => {
    pieces.push({
      kind,
      bytes: new Uint8Array(message, start, end - start),
      decodeTime: timing?.decodeTime ?? 0,
      composition: timing?.composition ?? 0,
      duration: timing?.duration ?? 0,
      keyframe: timing?.keyframe ?? false,
    });
  };
  let pending = 0;
  let timing: Timing | undefined;
  let covered = 0;
  for (const box of boxes(view, 0, message.byteLength)) {
    covered = box.end;
    if (box.type === "moov") {
      piece("init", pending, box.end);
      pending = box.end;
    } else if (box.type === "moof") {
      timing = timingOf(view, box);
    } else if (box.type === "mdat") {
      piece(timing ? "fragment" : "damaged", pending, box.end, timing);
      pending = box.end;
      timing = undefined;
    }
  }
  if (covered < message.byteLength || pending < covered) {
    piece("damaged", pending, message.byteLength);
  }
  return pieces;
}

/** Reads the timescale of the first track of an init segment (mdhd); undefined if it has none. */
export function timescaleOf(init: Uint8Array): number | undefined {
  const view = new DataView(init.buffer, init.byteOffset, init.byteLength);
  const whole: Box = { type: "", start: 0, end: init.byteLength };
  let box: Box | undefined = whole;
  for (const type of ["moov", "trak", "mdia", "mdhd"]) {
    box = box && find(view, box, type);
  }
  if (!box) return undefined;
  const at = box.start + (view.getUint8(box.start) === 1 ? 20 : 12);
  if (at + 4 > box.end) return undefined;
  return view.getUint32(at) || undefined;
}
