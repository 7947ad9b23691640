//! Keeps `--inv`, one over the zoom, on the canvas, so that styles can draw marks at a constant size on screen without rendering anything anew.
import { useStoreApi } from "@xyflow/react";
import { type RefObject, useEffect } from "react";

/** Smaller differences are not worth a new layout of the marks. */
const STEP = 0.05;

export function useInverseZoom(element: RefObject<HTMLElement | null>) {
  const store = useStoreApi();
  useEffect(() => {
    let last = 0;
    const follow = () => {
      const inverse = 1 / store.getState().transform[2];
      if (Math.abs(inverse - last) < STEP * last) return;
      last = inverse;
      element.current?.style.setProperty("--inv", inverse.toFixed(2));
    };
    follow();
    return store.subscribe(follow);
  }, [store, element]);
}
