//! Validation findings of the engine, by node. Kept here because cards and the inspector both show them; never stored in the document.
import { create } from "zustand";
import type { Finding } from "../../backend/types";

interface Findings { list: Finding[]; set: (list: Finding[]) => void }

export const useFindings = create<Findings>((set) => ({ list: [], set: (list) => set({ list }) }));

/** The worst finding about one node. */
export function useFinding(node: string): Finding | undefined {
  return useFindings((state) => state.list.find((one) => one.node === node && one.level === "error") ?? state.list.find((one) => one.node === node));
}
