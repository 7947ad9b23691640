//! Builds the window. Everything is bundled: the content security policy allows no remote resource.
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react()],
  base: "./",
  build: { target: "safari16", assetsInlineLimit: 0, chunkSizeWarningLimit: 1200 },
  server: { port: 5173, strictPort: true },
});
