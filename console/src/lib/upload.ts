import { parseFailure, path, query, xhrHeaders } from './api';
import { EventReader } from './sse';

export type Report = {
  documents: { added: number; updated: number; unchanged: number; failed: number };
  chunks: number;
  failures: { source: string; code: string; message: string }[];
  warnings: string[];
};

export type Stage = { sent: number; documents: number; chunks: number };

/** Sends a file and tells how far it is: the share sent, then what of it is kept. */
export function upload(collection: string, file: File, told: (stage: Stage) => void, signal: AbortSignal): Promise<Report | { job: string }> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const reader = new EventReader();
    let seen = 0;
    let report: Report | null = null;
    let failure: Error | null = null;

    function read(): void {
      const text = request.responseText.slice(seen);
      seen = request.responseText.length;
      for (const { event, data } of reader.read(text)) {
        if (event === 'report') report = JSON.parse(data) as Report;
        else if (event === 'progress') {
          const { documents, chunks } = JSON.parse(data) as { documents: number; chunks: number };
          told({ sent: 1, documents, chunks });
        } else failure = parseFailure(request.status, data);
      }
    }

    request.open('POST', path('/api/collections', collection, 'documents') + query({ name: file.name, stream: true }));
    for (const [name, value] of Object.entries(xhrHeaders())) request.setRequestHeader(name, value);
    request.setRequestHeader('Content-Type', file.type && file.type !== 'application/json' ? file.type : 'application/octet-stream');
    request.upload.onprogress = (event) => told({ sent: event.total ? event.loaded / event.total : 0, documents: 0, chunks: 0 });
    request.onprogress = () => {
      if (request.status === 200) read();
    };
    request.onload = () => {
      if (request.status === 202) return resolve(JSON.parse(request.responseText) as { job: string });
      if (request.status !== 200) return reject(parseFailure(request.status, request.responseText));
      read();
      if (report) resolve(report);
      else reject(failure ?? parseFailure(request.status, ''));
    };
    request.onerror = () => reject(parseFailure(0, '{"error":{"message":"The connection broke off.","code":"unreachable"}}'));
    request.onabort = () => reject(new DOMException('stopped', 'AbortError'));
    signal.addEventListener('abort', () => request.abort());
    request.send(file);
  });
}
