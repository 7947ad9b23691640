//! The step types that the palette offers, how each looks, and which ports a step shows. Deliberately absent: parameters' schemas.
import type { NodeView, Port } from "./snapshot";

export type Category = "data" | "prepare" | "quality" | "integrate" | "model" | "view" | "tool";

export interface StepType {
  type: string;
  label: string;
  category: Category;
  inputs: Port[];
  outputs: Port[];
  words?: string;
}

const IN: Port[] = [{ name: "in" }];
const OUT: Port[] = [{ name: "out" }];
/** The type of a step with free ports, as the engine names it. */
export const GENERIC = "generic";

export const STEP_TYPES: readonly StepType[] = [
  { type: "UploadGenomicsData", label: "Upload genomics data", category: "data", inputs: [], outputs: OUT, words: "rna reads expression table source" },
  { type: "UploadProteomicsData", label: "Upload proteomics data", category: "data", inputs: [], outputs: OUT, words: "protein source" },
  { type: "UploadMetabolomicsData", label: "Upload metabolomics data", category: "data", inputs: [], outputs: OUT, words: "metabolite source" },
  { type: "UploadClinicalData", label: "Upload clinical data", category: "data", inputs: [], outputs: OUT, words: "patients table source" },
  { type: "NormalizeRNASeq", label: "Normalize RNA-seq", category: "prepare", inputs: IN, outputs: OUT, words: "normalise counts" },
  { type: "PreprocessClinical", label: "Preprocess clinical data", category: "prepare", inputs: IN, outputs: OUT, words: "impute clean missing" },
  { type: "FeatureSelection", label: "Select features", category: "prepare", inputs: IN, outputs: OUT, words: "variance filter" },
  { type: "QCProteomics", label: "Proteomics quality control", category: "quality", inputs: IN, outputs: OUT, words: "qc" },
  { type: "IntegrateMOFAPlus", label: "Integrate with MOFA+", category: "integrate", inputs: IN, outputs: OUT, words: "multi-omics factors" },
  { type: "TrainXGBoostModel", label: "Train an XGBoost model", category: "model", inputs: IN, outputs: OUT, words: "machine learning boosting" },
  { type: "TrainRandomForestModel", label: "Train a random forest", category: "model", inputs: IN, outputs: OUT, words: "machine learning" },
  { type: "CrossValidation", label: "Cross-validate", category: "quality", inputs: IN, outputs: OUT, words: "evaluate folds" },
  { type: "DataVisualization", label: "Visualize", category: "view", inputs: IN, outputs: OUT, words: "plot figure visualise visualization" },
  { type: GENERIC, label: "Generic step", category: "tool", inputs: IN, outputs: OUT, words: "free ports custom" },
];

const BY_TYPE = new Map(STEP_TYPES.map((step) => [step.type, step]));

export const stepType = (type: string): StepType | undefined => BY_TYPE.get(type);

/** A placeholder stands for a tool that this version has no description of. */
export const isPlaceholder = (type: string): boolean => !BY_TYPE.has(type) && !isSource(type);

const isSource = (type: string): boolean => /^(galaxy[:.])?(data_input|data_collection_input|parameter_input)$/.test(type);

export function categoryOf(type: string): Category {
  return BY_TYPE.get(type)?.category ?? (isSource(type) ? "data" : "tool");
}

/** Galaxy tool ids are addresses of a tool shed; the last parts name tool and version. */
export function typeName(type: string): string {
  const step = BY_TYPE.get(type);
  if (step) return step.label;
  const parts = type.split("/").filter(Boolean);
  return (parts.length > 2 ? parts[parts.length - 2] : (parts[parts.length - 1] ?? type))?.replace(/^galaxy[:.]/, "").replaceAll("_", " ") ?? type;
}

/** The ports to draw: what the node or its type declares, then whatever its edges use beyond that. */
export function portsOf(node: NodeView, usedIn: readonly string[], usedOut: readonly string[]): { inputs: string[]; outputs: string[] } {
  const known = BY_TYPE.get(node.type);
  const declared = node.ports ?? known ?? { inputs: isSource(node.type) ? [] : IN, outputs: OUT };
  const merge = (ports: readonly Port[], used: readonly string[]) => [...new Set([...ports.map((port) => port.name), ...used])];
  return { inputs: merge(declared.inputs, usedIn), outputs: merge(declared.outputs, usedOut) };
}
