#!/bin/sh
# PostgreSQL's archive_command: keeps a finished WAL file in FOLDER, compressed, and its name in FOLDER/list. It is on the disk,
# whole, before PostgreSQL is told so and may write over its own. docs/backup.md.
#
#   archive_command = 'sh /path/archive-wal.sh FOLDER %p %f'
set -eu

folder=$1 path=$2 name=$3
file=$folder/$name.gz
umask 077
[ -d "$folder" ] || { echo "archive-wal: there is no folder $folder: is its disk mounted?" >&2; exit 1; }
if [ -e "$file" ]; then
  # After a crash PostgreSQL hands in again what it has not noted as archived. Another file of that name is another cluster's.
  gzip -dc "$file" | cmp -s - "$path" || { echo "archive-wal: $file is there already, and differs" >&2; exit 1; }
else
  gzip -1 <"$path" >"$file.new"
  sync "$file.new"
  mv "$file.new" "$file"
  sync "$folder"
fi
# A name that is here and whose file is gone is a file that somebody removed: restores look.
grep -qxF "$name" "$folder/list" 2>/dev/null || { echo "$name" >>"$folder/list" && sync "$folder/list"; }
