//! The step types that the palette offers, how each looks, and which ports a step shows. Deliberately absent: parameters' schemas.
import type { NodeView, Port, Ports } from "./snapshot";

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

/** What well-known tools do, by words of their names; the first that fits. A guess for the eye: nothing depends on it. */
const HABITS: readonly [RegExp, Category][] = [
  [/fastqc|multiqc|busco|quast|merqury|rseqc|qualimap|picard_collect|quality|infer_exp|(^|[^a-z])qc([^a-z]|$)|flagstat|compleasm|krona/, "quality"],
  [/plot|volcano|heatmap|visual|circos|jbrowse|igv|pretext_snapshot|ggplot|umap|tsne/, "view"],
  [/deseq|edger|limma|train|classif|regress|xgboost|forest|cluster|enrich|kraken|metaphlan|call(er|ing)?|assembl|megahit|spades|hifiasm|salmon|kallisto|htseq|featurecounts|stringtie|macs2/, "model"],
  [/star|bwa|bowtie|hisat|minimap|align|mapp?(er|ing)|join|merge|concat|collapse|multi_?join|integrate|mofa/, "integrate"],
  [/fastp|trim|cutadapt|filter|sort|dedup|duplicates|normal|convert|replace|cut|grep|awk|table|column|text|tp_|param|pick|split|extract|select|samtools|bedtools|sed/, "prepare"],
];

/** The category of a type; a step with outputs alone is a source of data, whatever it is called. */
export function categoryOf(type: string, ports: Ports | null = null): Category {
  const known = BY_TYPE.get(type);
  if (known && type !== GENERIC) return known.category;
  if (isSource(type) || (ports && ports.inputs.length === 0 && ports.outputs.length > 0)) return "data";
  if (type === GENERIC) return "tool";
  const name = typeName(type).toLowerCase();
  return HABITS.find(([habit]) => habit.test(name))?.[1] ?? "tool";
}

/** The category of a step of this graph; that of an unknown tool when it is gone. */
export function categoryAt(graph: { node: (id: string) => NodeView | undefined }, id: string): Category {
  const node = graph.node(id);
  return categoryOf(node?.type ?? "", node?.ports ?? null);
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
