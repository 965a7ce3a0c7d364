"""Languages of source code and configuration by the endings of their files."""

from collections.abc import Mapping
from types import MappingProxyType

LANGUAGES: Mapping[str, str] = MappingProxyType(
    {
        "py": "Python", "pyi": "Python", "js": "JavaScript", "mjs": "JavaScript",
        "cjs": "JavaScript", "jsx": "JavaScript", "ts": "TypeScript", "tsx": "TypeScript",
        "java": "Java", "kt": "Kotlin", "kts": "Kotlin", "scala": "Scala", "groovy": "Groovy",
        "c": "C", "h": "C", "cc": "C++", "cpp": "C++", "cxx": "C++", "hpp": "C++", "hh": "C++",
        "cs": "C#", "fs": "F#", "vb": "Visual Basic", "go": "Go", "rs": "Rust", "swift": "Swift",
        "m": "Objective-C", "mm": "Objective-C", "rb": "Ruby", "php": "PHP", "pl": "Perl",
        "pm": "Perl", "lua": "Lua", "r": "R", "jl": "Julia", "dart": "Dart", "zig": "Zig",
        "nim": "Nim", "ex": "Elixir", "exs": "Elixir", "erl": "Erlang", "hs": "Haskell",
        "ml": "OCaml", "mli": "OCaml", "clj": "Clojure", "lisp": "Lisp", "el": "Lisp",
        "scm": "Scheme", "sh": "Shell", "bash": "Shell", "zsh": "Shell", "fish": "Shell",
        "ps1": "PowerShell", "psm1": "PowerShell", "bat": "Batch", "cmd": "Batch", "sql": "SQL",
        "proto": "Protocol Buffers", "graphql": "GraphQL", "gql": "GraphQL", "tf": "Terraform",
        "hcl": "HCL", "css": "CSS", "scss": "SCSS", "less": "Less", "vue": "Vue",
        "svelte": "Svelte", "asm": "Assembly", "sol": "Solidity", "cmake": "CMake",
        "gradle": "Gradle", "yaml": "YAML", "yml": "YAML", "toml": "TOML", "ini": "INI",
        "cfg": "INI", "conf": "INI", "properties": "INI", "env": "INI",
    }
)  # fmt: skip
"""Language by file name ending."""
