# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Over lib.sh: heap profiles by the module.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/func/heap.sh
. "$root/tests/func/heap.sh"

# expect_module_heap NAME FILE: where the profile comes from, and that what was followed ends as the program ended it.
expect_module_heap()
{
	local count

	expect_module "$2"
	expect_grep "$1: probes" 'probes: [1-9][0-9]*, of which' "$scratch/comments"
	expect_grep "$1: nothing lost" '^lost records: 0$' "$scratch/comments"
	"$kpt" heap 0 >"$scratch/counts"
	for count in overflow missed dropped unplaced; do
		expect_grep "$1" "^$count=0\$" "$scratch/counts"
	done
	expect_grep "$1" '^allocs=[1-9]' "$scratch/counts"
	cat "$scratch/counts"
}
