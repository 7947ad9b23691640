//! Mounts the window on the engine behind it: Tauri in the app, memory in a plain browser for working on the views.
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app/App";
import { type Engine, engineOver } from "./doc/engine";
import { EngineContext } from "./panels/engine";
import "./styles/index.css";

/** The engine in memory is left out of a production build: there the window runs in the app or not at all. */
async function behind(): Promise<Engine> {
  if (import.meta.env.MODE !== "production" && !("__TAURI_INTERNALS__" in window)) return (await import("./backend/memory")).memoryEngine();
  return engineOver((await import("./backend/tauri")).tauriBackend());
}

async function start() {
  const engine = await behind();
  const root = document.getElementById("root");
  if (!root) throw new Error("index.html has an element #root");
  createRoot(root).render(
    <StrictMode>
      <EngineContext.Provider value={engine}>
        <App />
      </EngineContext.Provider>
    </StrictMode>,
  );
}

void start();
