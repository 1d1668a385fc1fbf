import { defineConfig } from "vitest/config";

const server = "http://127.0.0.1:8000";

export default defineConfig({
  // Relative addresses: the page works at "/" and below any prefix a proxy gives it.
  base: "./",
  build: {
    outDir: "../../src/sennit/web/pages/chat",
    emptyOutDir: true,
    // The page is served with "default-src 'self'": data: addresses would be refused.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2022",
  },
  server: {
    proxy: {
      "/connection": { target: server, ws: true, changeOrigin: true },
    },
  },
  test: {
    environment: "node",
    include: ["tests/**/*.test.ts"],
  },
});
