//! What is said of a file that a step reads: name, size, hash, format. The file itself is read here, and its bytes go nowhere.
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import type { FileFacts } from "../graph/model/snapshot";

/** Small enough that the window stays quick while a large file is read. */
const PIECE_BYTES = 1024 * 1024;

const FORMATS: Record<string, string> = {
  fastq: "FASTQ", fq: "FASTQ", fasta: "FASTA", fa: "FASTA", fna: "FASTA", bam: "BAM", sam: "SAM", cram: "CRAM", vcf: "VCF", bcf: "BCF", bed: "BED", gtf: "GTF", gff: "GFF", gff3: "GFF3",
  csv: "CSV", tsv: "TSV", tab: "TSV", txt: "Text", json: "JSON", h5: "HDF5", h5ad: "AnnData", loom: "Loom", mtx: "Matrix Market", mzml: "mzML", parquet: "Parquet", xlsx: "Excel", rds: "R data", zip: "ZIP", tar: "tar",
};
const PACKED: Record<string, string> = { gz: "gzip", bgz: "bgzip", bz2: "bzip2", xz: "xz", zst: "zstd" };

/** By the ending of the name; empty where that says nothing. */
export function formatOf(name: string): string {
  const endings = name.toLowerCase().split(".").slice(1);
  const packed = PACKED[endings.at(-1) ?? ""];
  const ending = (packed ? endings.at(-2) : endings.at(-1)) ?? "";
  return [FORMATS[ending] ?? ending.slice(0, 12).toUpperCase(), packed].filter(Boolean).join(", ");
}

/** Reads the file once. `progress` hears the part that is read, from 0 to 1; null when `stopped` says so in between. */
export async function factsOf(file: File, progress: (part: number) => void, stopped: () => boolean): Promise<FileFacts | null> {
  const hash = sha256.create();
  for (let at = 0; at < file.size; at += PIECE_BYTES) {
    hash.update(new Uint8Array(await file.slice(at, at + PIECE_BYTES).arrayBuffer()));
    if (stopped()) return null;
    progress(Math.min(1, (at + PIECE_BYTES) / file.size));
  }
  return { name: file.name, size: file.size, sha256: bytesToHex(hash.digest()), format: formatOf(file.name) };
}
