//! Every key of the window on one sheet.
import { Dialog } from "../components/Dialog";
import { text } from "../text";

const MOD = /Mac/.test(navigator.userAgent) ? "⌘" : "Ctrl";

export function ShortcutSheet({ onClose }: { onClose: () => void }) {
  return (
    <Dialog open onClose={onClose} title={text.shortcuts.title} width={600} closeLabel={text.close} testId="shortcut-sheet">
      <div className="shortcuts">
        {text.shortcuts.groups.map((group) => (
          <section key={group.title}>
            <h3>{group.title}</h3>
            <dl>
              {group.keys.map(([keys, label]) => (
                <div key={label} style={{ display: "contents" }}>
                  <dt>{label}</dt>
                  <dd>{keys.split(" ").map((key) => <span className="kbd" key={key}>{key === "Mod" ? MOD : key}</span>)}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
