import { expect, test } from "vitest";

import { arrange, type Space } from "../../src/app/layout.ts";

const SHAPE = { aspect: 16 / 9, footer: 50, gap: 10, narrowest: 240 };

function space(width: number, height: number): Space {
  return { width, height, scrolledWidth: width - 15 };
}

test("one camera fills the room in one direction", () => {
  const { columns, tile, scrolls } = arrange(1, space(1400, 800), SHAPE);
  expect(columns).toBe(1);
  expect(tile).toBe(Math.floor(((800 - 50) * 16) / 9));
  expect(scrolls).toBe(false);
});

test("whatever fits without scrolling is as large as possible", () => {
  for (const count of [2, 4, 6, 9, 16, 25]) {
    const room = space(3840, 2000);
    const { columns, tile, scrolls } = arrange(count, room, SHAPE);
    const rows = Math.ceil(count / columns);
    expect(scrolls).toBe(false);
    expect(columns * tile + (columns - 1) * 10).toBeLessThanOrEqual(3840);
    expect(rows * (tile / SHAPE.aspect + 50) + (rows - 1) * 10).toBeLessThanOrEqual(2001);
  }
});

test("on a phone there is one column, and it scrolls", () => {
  const { columns, tile, scrolls } = arrange(9, space(340, 600), SHAPE);
  expect({ columns, tile, scrolls }).toEqual({ columns: 1, tile: 325, scrolls: true });
});

test("many cameras on a small screen keep a usable width", () => {
  const { tile, scrolls } = arrange(100, space(1400, 800), SHAPE);
  expect(tile).toBeGreaterThanOrEqual(240);
  expect(scrolls).toBe(true);
});

test("a chosen number of columns is kept", () => {
  expect(arrange(9, space(1400, 800), SHAPE, 2).columns).toBe(2);
  expect(arrange(9, space(1400, 800), SHAPE, 8).columns).toBe(8);
});

test("no room at all is survived", () => {
  expect(arrange(3, space(0, 0), SHAPE).tile).toBeGreaterThan(0);
});
