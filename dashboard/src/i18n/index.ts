import { HUB_UNREACHABLE } from "../client/errors.ts";
import { en, type Words } from "./en.ts";
import { es } from "./es.ts";

export type { Words };

/** The language of the first of the browser's languages that the page speaks. */
export function chooseLanguage(languages: readonly string[]): "en" | "es" {
  for (const language of languages) {
    const base = language.toLowerCase().split("-")[0];
    if (base === "es" || base === "en") return base;
  }
  return "en";
}

const languages = globalThis.navigator?.languages ?? [];
export const language = chooseLanguage(languages);

/** The page's words in the browser's language. */
export const words: Words = language === "es" ? es : en;

/**
 * A sentence for a reason or an error. The hub's own English says more than a code does; other
 * languages go by the code, as far as it is known.
 */
export function sentence(reason: { readonly code: string; readonly message: string }): string {
  const { code, message } = reason;
  const known = words.reasons[code];
  const exact = language === "en" && message && code !== HUB_UNREACHABLE;
  return (exact ? message : known) ?? (message || code);
}

/** What the hub says in English, in the page's language if it is one of its usual phrases. */
export function phrase(text: string): string {
  return words.phrases[text] ?? text;
}
