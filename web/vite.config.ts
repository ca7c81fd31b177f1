import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { precompress } from "./plugins/precompress.ts";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const api = process.env.KAFKA_ML_URL ?? "http://127.0.0.1:8000";

export default defineConfig({
  plugins: [react(), precompress()],
  resolve: { alias: { "@": here("./src") } },
  build: {
    // Where the API's package looks for it; see services/api/src/kafka_ml_api/web.py.
    outDir: here("../services/api/src/kafka_ml_api/web"),
    emptyOutDir: true,
    target: "es2023",
    chunkSizeWarningLimit: 700,
  },
  server: {
    // For `npm run dev`: pages from here, everything else from a platform that runs, which takes changes from its own pages only.
    proxy: Object.fromEntries(
      ["/api", "/docs", "/openapi.json", "/asyncapi", "/metrics", "/readyz"].map((path) => [
        path,
        { target: api, changeOrigin: true, headers: { origin: new URL(api).origin } },
      ]),
    ),
  },
});
