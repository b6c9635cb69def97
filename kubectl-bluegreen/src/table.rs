//! Rows to columns of equal width, as kubectl prints them.
//! Knows text and its paint only.

use crate::paint;

/// Lines up the columns of rows with three spaces between them; the last column is not padded. In a terminal of so many
/// columns: while the rows are too wide, the columns in `expendable` are left out one by one.
#[must_use]
pub fn fitted<const N: usize>(rows: &[[String; N]], expendable: &[usize], room: Option<usize>) -> String {
    let widest = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| paint::width(cell)).max();
    let widths: Vec<usize> = (0..N).map(|column| widest(column).unwrap_or_default()).collect();
    let mut shown: Vec<usize> = (0..N).collect();
    for out in expendable {
        let total: usize = shown.iter().filter_map(|column| widths.get(*column)).map(|width| width + 3).sum();
        if room.is_none_or(|room| total <= room + 3) {
            break;
        }
        shown.retain(|column| column != out);
    }
    let line = |row: &[String; N]| {
        let mut line = String::new();
        for column in &shown {
            let (Some(cell), Some(width)) = (row.get(*column), widths.get(*column)) else { continue };
            line.push_str(cell);
            line.push_str(&" ".repeat(width - paint::width(cell) + 3));
        }
        format!("{}\n", line.trim_end())
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_left_out_only_where_there_is_no_room() {
        let rows = [["a", "bbbb", "c"], ["aa", "b", "cc"]].map(|row| row.map(str::to_owned));
        assert_eq!(fitted(&rows, &[], None), "a    bbbb   c\naa   b      cc\n");
        assert_eq!(fitted(&rows, &[1], Some(14)), fitted(&rows, &[], None));
        assert_eq!(fitted(&rows, &[1], Some(13)), "a    c\naa   cc\n");
    }

    #[test]
    fn paint_does_not_move_columns() {
        let rows = [[paint::good("ok"), "x".to_owned()], ["FAIL".to_owned(), "y".to_owned()]];
        assert_eq!(anstream::adapter::strip_str(&fitted(&rows, &[], None)).to_string(), "ok     x\nFAIL   y\n");
    }
}
