#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# fresh_root.sh SOURCE BUILD FOLDER: the packages, and an artifact that runs in a Debian that has the runtime's package only.
set -euo pipefail
source=$1 build=$2 folder=$3
for program in mmdebstrap dpkg-shlibdeps cpack; do
  command -v $program > /dev/null || { echo "'$program' is missing: apt-get install mmdebstrap dpkg-dev cmake"; exit 1; }
done
rm -rf "$folder" && mkdir -p "$folder"
(cd "$build" && cpack -G DEB -B "$folder/packages" > "$folder/cpack.log") || { cat "$folder/cpack.log"; exit 1; }
runtime=$(ls "$folder"/packages/kiln-runtime_*.deb)
ls -l "$folder"/packages/*.deb

# The packages' dependencies exist: apt would install all three together.
apt-get install --simulate "$folder"/packages/*.deb > "$folder/simulate.log" 2>&1 || { cat "$folder/simulate.log"; exit 1; }
grep -q '^Inst kiln-dev' "$folder/simulate.log" || { cat "$folder/simulate.log"; exit 1; }
# What runs artifacts needs nothing of the compiler.
depends=$(dpkg-deb -f "$runtime" Depends)
echo "kiln-runtime depends on: $depends"
! grep -iE 'llvm|mlir|python' <<< "$depends"

"$build/bin/digits" --steps 60 --export "$folder/digits.graph.pb" > /dev/null
"$build/bin/kiln" compile "$folder/digits.graph.pb" -o "$folder/digits.kiln" --no-cache
clang-22 -O1 -I"$source/runtime/capi" "$source/tests/packages/consumer/from_c.c" -o "$folder/from_c" \
  -L"$build/lib" -lkiln_runtime
python3 -c "
import struct
head = b\"{'descr': '<f4', 'fortran_order': False, 'shape': (3, 64), }\"
head += b' ' * (-(len(head) + 11) % 64) + b'\n'
open('$folder/x.npy', 'wb').write(b'\x93NUMPY\x01\x00' + struct.pack('<H', len(head)) + head + struct.pack('<192f', *[i % 17 / 16 for i in range(192)]))"
"$build/bin/kiln-run" "$folder/digits.kiln" --entry predict --feed "x=@$folder/x.npy" --output "$folder/here"

needed=$(tr ',' '\n' <<< "$depends" | sed -E 's/\(.*//; s/\|.*//; s/ //g' | sort -u | paste -sd,)
mmdebstrap --quiet --variant=essential --include="$needed" \
  --customize-hook="copy-in $runtime $folder/digits.kiln $folder/x.npy $folder/from_c /root" \
  --customize-hook="chroot \"\$1\" sh -c 'dpkg -i /root/*.deb'" \
  --customize-hook="! chroot \"\$1\" sh -c 'command -v cc clang gcc python3 kiln'" \
  --customize-hook="chroot \"\$1\" kiln-run /root/digits.kiln --entry predict --feed x=@/root/x.npy --output /root/out" \
  --customize-hook="chroot \"\$1\" sh -c '/root/from_c /root/digits.kiln > /root/from_c.txt'" \
  --customize-hook="copy-out /root/out/logits.npy /root/from_c.txt $folder" \
  bookworm /dev/null 2> "$folder/root.log" || { tail -n 30 "$folder/root.log"; exit 1; }
cmp "$folder/here/logits.npy" "$folder/logits.npy"
LD_LIBRARY_PATH=$build/lib "$folder/from_c" "$folder/digits.kiln" > "$folder/from_c_here.txt"
cmp "$folder/from_c_here.txt" "$folder/from_c.txt"
echo "the artifact gives the same bytes in a fresh root"
