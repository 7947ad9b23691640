//! In the place of a workspace one is no member of any more: what that means, and one's own last state of it as a file.
import { FileDown, UserX } from "lucide-react";
import { toast } from "sonner";
import { Button } from "../components/Button";
import { messageOf, type Summary, useEngine } from "../panels/engine";
import { text } from "../text";

export function Removed({ workspace, name }: Pick<Summary, "workspace" | "name">) {
  const engine = useEngine();
  const t = text.removed;
  const save = async () => {
    try {
      const { content } = await engine.call("pipeline.export", { workspace, format: "json", mine: true });
      toast.success(text.exporting.saved, { description: await engine.saveFile(`${name}.json`, new TextEncoder().encode(content)) });
    } catch (error) {
      toast.error(messageOf(error));
    }
  };
  return (
    <div className="begin" data-testid="removed">
      <UserX size={20} className="muted" aria-hidden="true" />
      <h2>{t.title}</h2>
      <p>{t.text}</p>
      <div><Button kind="primary" data-testid="removed-save" onClick={() => void save()}><FileDown size={14} aria-hidden="true" />{t.save}</Button></div>
    </div>
  );
}
