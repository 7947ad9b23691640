//! A boxed sentence: a fact, a warning or a problem.
import { CircleAlert, Info, TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";

export function Callout({ tone = "info", children, testId }: { tone?: "info" | "accent" | "warn" | "danger"; children: ReactNode; testId?: string }) {
  const Icon = tone === "danger" ? CircleAlert : tone === "warn" ? TriangleAlert : Info;
  return (
    <div className={`callout callout--${tone}`} role={tone === "danger" ? "alert" : undefined} data-testid={testId}>
      <Icon size={16} aria-hidden="true" />
      <div className="grow">{children}</div>
    </div>
  );
}
