//! The ring and name on a step that somebody else selects or edits.
import type { CSSProperties } from "react";
import { whoStyle } from "../components/colour";
import { text } from "../text";
import { useAt } from "./model/session";

export function HaloLabel({ node }: { node: string }) {
  const people = useAt(node);
  const first = people[0];
  if (!first) return null;
  const editing = people.find((one) => one.editing?.node === node);
  const label = editing ? text.canvas.editing(editing.name, editing.editing?.what ?? "") : people.length > 1 ? text.canvas.several(first.name, people.length - 1) : first.name;
  return (
    <>
      <span className="node__halo" style={whoStyle((editing ?? first).color) as CSSProperties} />
      <span className="node__who" style={whoStyle((editing ?? first).color) as CSSProperties} data-testid={`who-${node}`}>{label}</span>
    </>
  );
}
