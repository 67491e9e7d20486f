/** Arranges tiles of one shape so that they fill the space without scrolling where that is possible. */

export interface Space {
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  /** Width that is left beside a scroll bar. */
  readonly scrolledWidth: number;
}

export interface Arrangement {
  readonly columns: number;
  /** Width of a tile in pixels. */
  readonly tile: number;
  /** The tiles need more height than there is. */
  readonly scrolls: boolean;
}

export interface TileShape {
  /** Width divided by height of the picture. */
  readonly aspect: number;
  /** Pixels below the picture. */
  readonly footer: number;
  readonly gap: number;
  /** A tile narrower than this is of no use. */
  readonly narrowest: number;
}

/** Number of columns and width of the tiles for `count` cameras; `wanted` columns if not 0. */
export function arrange(count: number, space: Space, shape: TileShape, wanted = 0): Arrangement {
  const { aspect, footer, gap, narrowest } = shape;
  const byWidth = (columns: number, width: number): number =>
    Math.floor((width - gap * (columns - 1)) / columns);
  const rowsOf = (columns: number): number => Math.ceil(Math.max(1, count) / columns);

  if (wanted === 0) {
    let best: Arrangement | undefined;
    for (let columns = 1; columns <= Math.max(1, count); columns++) {
      const rows = rowsOf(columns);
      const byHeight = ((space.height - gap * (rows - 1)) / rows - footer) * aspect;
      const tile = Math.floor(Math.min(byWidth(columns, space.width), byHeight));
      if (tile >= narrowest && (!best || tile > best.tile)) best = { columns, tile, scrolls: false };
    }
    if (best) return best;
  }
  const fitting = Math.floor((space.scrolledWidth + gap) / (narrowest + gap));
  const columns = wanted > 0 ? wanted : Math.max(1, fitting);
  const tile = Math.max(1, byWidth(columns, space.width));
  const rows = rowsOf(columns);
  const height = rows * (tile / aspect + footer) + gap * (rows - 1);
  if (height <= space.height) return { columns, tile, scrolls: false };
  return { columns, tile: Math.max(1, byWidth(columns, space.scrolledWidth)), scrolls: true };
}
