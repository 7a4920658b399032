"""What leaves benchctl for other programs and for a paper: rows, metrics, archives.

csv_files.py  rows as CSV, each file with one beside it that says what its columns are
parquet.py    rows as a Parquet data set in folders by run, case, trial and host (alone imports pyarrow)
metrics.py    the metrics of all trials as CSV and JSON; cases.py those of each case
archive.py    whole runs in one archive, scrubbed of secrets; readme.py is the page in it, lacking.py what it can't have
describing.py what is said beside rows; ends.py which runs and trials an export can't have
placing.py    files and folders that come to their places together or not at all
"""
