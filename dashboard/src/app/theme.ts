import { useState } from "react";

export type Theme = "system" | "light" | "dark";

const KEY = "ucv.theme"; // read by public/theme.js before the first paint
const ORDER: readonly Theme[] = ["system", "light", "dark"];

function stored(): Theme {
  const value = document.documentElement.dataset["theme"];
  return value === "light" || value === "dark" ? value : "system";
}

/** The chosen theme, and what chooses the next one. */
export function useTheme(): [Theme, () => void] {
  const [theme, setTheme] = useState(stored);
  const next = (): void => {
    const chosen = ORDER[(ORDER.indexOf(theme) + 1) % ORDER.length] ?? "system";
    if (chosen === "system") delete document.documentElement.dataset["theme"];
    else document.documentElement.dataset["theme"] = chosen;
    try {
      if (chosen === "system") localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, chosen);
    } catch {
      // Storage may be forbidden: the choice then lasts as long as the page.
    }
    setTheme(chosen);
  };
  return [theme, next];
}
