#!/usr/bin/env bash
# Run tests with a Windows Python under Wine: tests/proofs/windows/prove.sh [PYTEST ARGUMENTS]; without any, tests/unit.
# Needs wine (on Debian: apt-get install wine wine64), unzip, and the pip of a Python 3.11. Keeps what it makes in $WINE_PYTHON.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
here=${WINE_PYTHON:-${TMPDIR:-/tmp}/wegly-batch-wine}
python=$here/python
# Tests start Python anew, which then needs the place of the package.
PYTHONPATH=Z:$(tr / '\\' <<<"$root")
export PYTHONPATH WINEPREFIX=$here/prefix WINEARCH=win64 WINEDEBUG=-all WINEDLLOVERRIDES="mscoree,mshtml=" PYTHONDONTWRITEBYTECODE=1

download() { pip download -q --platform win_amd64 --python-version 3.11 --only-binary=:all: -d "$here/wheels" "$@"; }

build() {
  mkdir -p "$python/DLLs" "$python/Lib/site-packages" "$here/wheels" "$here/zig"
  # Panda3D's wheel brings the interpreter that its games are packed with; the library is this machine's own.
  pip download -q --no-deps --platform win_amd64 --python-version 3.11 --only-binary=:all: -d "$here" panda3d==1.10.14
  unzip -qo "$here"/panda3d-*.whl 'deploy_libs/*' -d "$here"
  cp "$here"/deploy_libs/{*.pyd,libffi-8.dll,libcrypto-3.dll,libssl-3.dll,sqlite3.dll} "$python/DLLs/"
  cp "$here/deploy_libs/python311.dll" "$python/"
  library=$(python3.11 -c 'import sysconfig; print(sysconfig.get_paths()["stdlib"])')
  tar -C "$library" -c --exclude=./site-packages --exclude=./lib-dynload --exclude=./test --exclude=__pycache__ . | tar -x -C "$python/Lib"
  # The program that loads it, and a function of Windows that Rust's libraries ask for and Wine 8 lacks.
  pip download -q --no-deps --only-binary=:all: -d "$here" ziglang==0.13.0
  unzip -qo "$here"/ziglang-*.whl -d "$here/zig"
  zig=$here/zig/ziglang/zig
  chmod +x "$zig"
  cat >"$here/python.c" <<'C'
#include <windows.h>
int wmain(int count, wchar_t **arguments) {
  HMODULE library = LoadLibraryW(L"python311.dll");
  return library ? ((int (*)(int, wchar_t **))(void *)GetProcAddress(library, "Py_Main"))(count, arguments) : 99;
}
C
  cat >"$here/prng.c" <<'C'
#include <windows.h>
BOOLEAN NTAPI SystemFunction036(PVOID, ULONG);
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T size) { return SystemFunction036(data, (ULONG)size); }
C
  export ZIG_GLOBAL_CACHE_DIR=$here/zig-cache
  "$zig" cc -target x86_64-windows-gnu -municode -O1 -o "$python/python.exe" "$here/python.c"
  "$zig" cc -target x86_64-windows-gnu -O1 -shared -o "$python/bcryptprimitives.dll" "$here/prng.c" -ladvapi32
  wineboot -i >/dev/null 2>&1
  wine winecfg -v win10 >/dev/null 2>&1
  touch "$here/whole"
}

# What the project's own files ask for, without what the interpreter brings or Wine lacks.
list_needed() {
  python3.11 -c 'import sys, tomllib
project = tomllib.load(open(sys.argv[1], "rb"))["project"]
ours = {*project["dependencies"], *project["optional-dependencies"]["test"]}
print(*sorted(each for each in ours if "!= \x27Windows" not in each and "playwright" not in each), sep="\n")' "$root/pyproject.toml"
}

install_packages() {
  rm -rf "$python/Lib/site-packages" "$here/wheels" "$here/needed.txt"
  mkdir -p "$python/Lib/site-packages" "$here/wheels"
  # Newer NumPy asks Wine 8's C library for functions that it lacks.
  download -r <(sed 's/;.*//' "$here/needing.txt") 'numpy==1.26.4' 'pandas==2.2.3' colorama pywin32-ctypes
  for wheel in "$here"/wheels/*.whl; do unzip -qo "$wheel" -d "$python/Lib/site-packages"; done
  # Compiled once: the tests start Python some hundred times, and keep no bytecode beside the project's files.
  python3.11 -m compileall -q --invalidation-mode unchecked-hash "$python/Lib" >/dev/null || true
  mv "$here/needing.txt" "$here/needed.txt"
}

[[ -e $here/whole ]] || build
list_needed >"$here/needing.txt"
cmp -s "$here/needing.txt" "$here/needed.txt" || install_packages
cd "$root"
(($#)) || set -- tests/unit
# Wine's Python needs a standard input that is a pipe, and standard output likewise.
: | wine "$python/python.exe" -m pytest -q -p no:cacheprovider --timeout 120 --tb=short -rfs "$@" 2>&1 | cat
