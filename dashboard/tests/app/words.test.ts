import { expect, test } from "vitest";

import { setupCode } from "../../src/app/app.tsx";
import { chooseLanguage } from "../../src/i18n/index.ts";
import { en } from "../../src/i18n/en.ts";
import { es } from "../../src/i18n/es.ts";

test("the first language that the page speaks is chosen", () => {
  expect(chooseLanguage(["es-MX", "en"])).toBe("es");
  expect(chooseLanguage(["de", "es"])).toBe("es");
  expect(chooseLanguage(["en-GB", "es"])).toBe("en");
  expect(chooseLanguage(["fr"])).toBe("en");
  expect(chooseLanguage([])).toBe("en");
});

test("every word and every reason exists in both languages", () => {
  expect(Object.keys(es).sort()).toEqual(Object.keys(en).sort());
  expect(Object.keys(es.reasons).sort()).toEqual(Object.keys(en.reasons).sort());
  for (const value of Object.values({ ...es, ...es.reasons })) expect(value).toBeTruthy();
});

test("the first-start link's code is read from the fragment", () => {
  expect(setupCode("#/setup?code=a%2Bb")).toBe("a+b");
  expect(setupCode("#/setup")).toBeNull();
  expect(setupCode("#/other?code=1")).toBeNull();
  expect(setupCode("")).toBeNull();
});
