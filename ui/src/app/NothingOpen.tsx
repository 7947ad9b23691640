//! The centre of the window while no workspace is open: three ways to begin.
import { ChevronRight, Link2, Plus, Sparkles } from "lucide-react";
import { useState } from "react";
import { Empty } from "../components/Empty";
import { text } from "../text";

interface NothingOpenProps { opening: boolean; onCreate: () => void; onJoin: () => void; onSample: () => Promise<void> }

export function NothingOpen({ opening, onCreate, onJoin, onSample }: NothingOpenProps) {
  const [busy, setBusy] = useState(false);
  const t = text.noWorkspace;
  if (opening) return <Empty title={t.opening} />;
  const sample = () => {
    setBusy(true);
    void onSample().finally(() => setBusy(false));
  };
  const ways = [
    { id: "begin-create", icon: Plus, ...t.create, onClick: onCreate },
    { id: "begin-join", icon: Link2, ...t.join, onClick: onJoin },
    { id: "open-sample", icon: Sparkles, ...t.sample, onClick: sample },
  ];
  return (
    <div className="begin">
      <h2>{t.title}</h2>
      <ul className="begin__ways">
        {ways.map(({ id, icon: Icon, title, text: hint, onClick }) => (
          <li key={id}>
            <button type="button" className="begin__way" disabled={busy} data-testid={id} onClick={onClick}>
              <Icon size={18} strokeWidth={1.75} aria-hidden="true" />
              <span className="grow"><strong>{title}</strong><small>{hint}</small></span>
              <ChevronRight size={16} aria-hidden="true" />
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
