#!/usr/bin/env bash
# Adds up the orders of each city: process_csv.sh INPUT OUTPUT. Rows that come twice or have no amount are left out.
set -euo pipefail
input=$1
output=$2

mkdir -p "$(dirname "$output")"
{
    echo "city,orders,total"
    awk -F, 'NR > 1 && $5 ~ /^[0-9]+$/ && !seen[$1]++ { orders[$3]++; total[$3] += $5 }
        END { for (city in orders) printf "%s,%d,%d\n", city, orders[city], total[city] }' "$input" | LC_ALL=C sort
} >"$output.part"
mv "$output.part" "$output"
echo "$(($(wc -l <"$output") - 1)) cities in $output"
