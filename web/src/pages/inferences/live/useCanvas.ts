import { useComputedColorScheme } from "@mantine/core";
import { type RefObject, useEffect, useEffectEvent, useRef } from "react";

export interface Paper {
  context: CanvasRenderingContext2D;
  width: number;
  height: number;
  scheme: "light" | "dark";
}

/** A canvas that is drawn with the next frame whenever something of `on` changes, however often, and when its size does. */
export function useCanvas(
  height: number,
  draw: (paper: Paper) => void,
  on: readonly unknown[],
): RefObject<HTMLCanvasElement | null> {
  const canvas = useRef<HTMLCanvasElement>(null);
  const scheme = useComputedColorScheme("light", { getInitialValueInEffect: false });
  const paint = useEffectEvent(() => {
    const element = canvas.current;
    const context = element?.getContext("2d");
    if (element === null || context === null || context === undefined) return;
    const ratio = window.devicePixelRatio || 1;
    const width = element.clientWidth;
    if (element.width !== Math.round(width * ratio) || element.height !== Math.round(height * ratio)) {
      element.width = Math.round(width * ratio);
      element.height = Math.round(height * ratio);
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    draw({ context, width, height, scheme });
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: the caller says what it draws from
  useEffect(() => {
    const drawing = requestAnimationFrame(() => paint());
    return () => cancelAnimationFrame(drawing);
  }, [...on, scheme, height]);
  useEffect(() => {
    const element = canvas.current;
    if (element === null) return;
    const watcher = new ResizeObserver(() => paint());
    watcher.observe(element);
    return () => watcher.disconnect();
  }, []);
  return canvas;
}
