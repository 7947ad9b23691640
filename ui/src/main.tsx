//! Mounts the window on the engine behind it.
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app/App";
import { tauriBackend } from "./backend/tauri";
import { engineOver } from "./doc/engine";
import { EngineContext } from "./panels/engine";
import "./styles/index.css";

const root = document.getElementById("root");
if (!root) throw new Error("index.html has an element #root");
const engine = engineOver(tauriBackend());
createRoot(root).render(
  <StrictMode>
    <EngineContext.Provider value={engine}>
      <App />
    </EngineContext.Provider>
  </StrictMode>,
);
