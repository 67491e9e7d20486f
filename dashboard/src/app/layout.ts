/** Arranges tiles of one shape so that they fill the space without scrolling where that is possible. */

export interface Space {
  /** Pixels. */
  readonly width: number;
  readonly height: number;
}

export interface Arrangement {
  readonly columns: number;
  /** Width of a tile in pixels. */
  readonly tile: number;
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
  const byWidth = (columns: number): number => (space.width - gap * (columns - 1)) / columns;
  if (wanted > 0) return { columns: wanted, tile: Math.max(1, Math.floor(byWidth(wanted))) };

  let best: Arrangement | undefined;
  for (let columns = 1; columns <= Math.max(1, count); columns++) {
    const rows = Math.ceil(Math.max(1, count) / columns);
    const byHeight = ((space.height - gap * (rows - 1)) / rows - footer) * aspect;
    const tile = Math.floor(Math.min(byWidth(columns), byHeight));
    if (tile >= narrowest && (!best || tile > best.tile)) best = { columns, tile };
  }
  if (best) return best;
  const columns = Math.max(1, Math.floor((space.width + gap) / (narrowest + gap)));
  return { columns, tile: Math.max(1, Math.floor(byWidth(columns))) };
}
