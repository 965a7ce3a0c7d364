#!/bin/sh
# Needs curl alone.
set -eu
url=${OPENAI_BASE_URL:-http://127.0.0.1:8420/v1}
model=${MODEL:-default}

ask() {
    curl --silent --show-error --fail-with-body --no-buffer "$url/$1" \
        -H "Authorization: Bearer ${OPENAI_API_KEY:-none}" -H 'Content-Type: application/json' -d "$2"
    echo
}

ask chat/completions '{"model": "'"$model"'", "messages": [{"role": "user", "content": "Say hello."}]}'
ask chat/completions '{"model": "'"$model"'", "stream": true, "messages": [{"role": "user", "content": "Say hello."}]}'
ask responses '{"model": "'"$model"'", "input": "Say hello."}'
ask embeddings '{"model": "default", "input": "rain"}'
