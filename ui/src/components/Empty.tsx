//! An empty state that says what belongs here and how to begin.
import type { ReactNode } from "react";

export function Empty({ title, text, children }: { title: string; text?: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <div className="empty__title">{title}</div>
      {text && <div className="empty__text">{text}</div>}
      {children}
    </div>
  );
}
