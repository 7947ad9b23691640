//! Notes of one step: CodeMirror bound to the step's Y.Text, with the carets of others. One undo stack with the canvas. Loaded on demand.
import { defaultKeymap } from "@codemirror/commands";
import { markdown } from "@codemirror/lang-markdown";
import { EditorState } from "@codemirror/state";
import { EditorView, keymap, placeholder } from "@codemirror/view";
import { useEffect, useRef } from "react";
import { yCollab, yUndoManagerKeymap } from "y-codemirror.next";
import { caretsOf } from "../doc/carets";
import { notesOf } from "../graph/model/edits";
import { useSession } from "../graph/model/session";
import { text } from "../text";

export default function NotesEditor({ node }: { node: string }) {
  const { doc, presence, undo, writable } = useSession();
  const host = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const notes = notesOf(doc, node);
    if (!host.current || !notes) return;
    const view = new EditorView({
      parent: host.current,
      state: EditorState.create({
        doc: notes.toString(),
        extensions: [
          keymap.of([...yUndoManagerKeymap, ...defaultKeymap]),
          EditorView.lineWrapping,
          EditorState.readOnly.of(!writable),
          EditorView.editable.of(writable),
          EditorView.contentAttributes.of({ "aria-label": text.inspector.notes }),
          placeholder(writable ? text.inspector.notesHint : ""),
          markdown(),
          yCollab(notes, caretsOf(presence.awareness), { undoManager: undo }),
          EditorView.focusChangeEffect.of((_, focused) => {
            presence.publish("editing", focused ? { node, what: "notes" } : null);
            return null;
          }),
        ],
      }),
    });
    return () => view.destroy();
  }, [doc, node, presence, undo, writable]);
  return <div className="notes selectable" ref={host} data-testid="notes-editor" />;
}
