import { fileURLToPath } from "node:url";

import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

/** Where the hub listens while the page is developed with `npm run dev`. */
const HUB = process.env["UCV_HUB"] ?? "http://127.0.0.1:8321";

export default defineConfig({
  // The page may be served under any path: every address in it is relative.
  base: "./",
  plugins: [react()],
  build: {
    outDir: fileURLToPath(new URL("../frontend_bridge/ucv_bridge/page", import.meta.url)),
    emptyOutDir: true,
    target: "es2022",
    // The content security policy allows no data: addresses and no inline scripts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 400,
  },
  server: {
    // The hub compares Host and Origin: both must be what the browser says.
    proxy: { "/api": { target: HUB, ws: true } },
  },
  test: {
    include: ["tests/**/*.test.{ts,tsx}"],
    environment: "node",
  },
});
