// Draws the chart of docs/performance.md from what `hermes-bench NAME --json` printed: for each benchmark the ratio of ours to
// its ceiling, every pair as a dot, the median as a bar, the target as a line.
//
//   build/release/bench/draw_charts bench/results/*.json > docs/performance.svg
#include <algorithm>
#include <boost/json.hpp>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

namespace {

namespace json = boost::json;

struct Row {
  std::string name;
  double ratio = 0;
  double target = 0;  // 0: none
  std::vector<double> pairs;
};

constexpr double kWidth = 760, kLeft = 200, kRight = 60, kTop = 50, kRowHeight = 44, kBarHeight = 18, kBottom = 40;

std::string number(double value, int digits = 1) {
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

// Names come from our own benchmarks, but a file is a file.
std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '&': out += "&amp;"; break;
      case '"': out += "&quot;"; break;
      default: out += c;
    }
  }
  return out;
}

Row read(const char* file) {
  std::ifstream stream(file);
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  const json::object object = json::parse(text).as_object();
  Row row;
  row.name = object.at("name").as_string();
  row.ratio = object.at("ratio").to_number<double>();
  if (const json::value* target = object.if_contains("target_ratio")) row.target = target->to_number<double>();
  for (const json::value& pair : object.at("pairs").as_array()) row.pairs.push_back(pair.at("ratio").to_number<double>());
  return row;
}

void draw(const std::vector<Row>& rows) {
  double highest = 1.0;
  for (const Row& row : rows) {
    highest = std::max({highest, row.target, *std::max_element(row.pairs.begin(), row.pairs.end())});
  }
  const double scale = (kWidth - kLeft - kRight) / (highest * 1.05);
  const auto x = [&](double ratio) { return number(kLeft + ratio * scale); };
  const double height = kTop + kRowHeight * static_cast<double>(rows.size()) + kBottom;

  std::cout << "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " << kWidth << ' ' << height
            << "\" font-family=\"sans-serif\" font-size=\"13\">\n"
            << "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
            << "<text x=\"" << kLeft
            << "\" y=\"20\" font-weight=\"bold\">Hermes as a share of its ceiling (same run, same machine)</text>\n"
            << "<text x=\"" << kLeft << "\" y=\"36\" fill=\"#555\">bar: median; dots: single pairs; line: target</text>\n";
  for (double tick = 0; tick <= highest * 1.05; tick += 0.25) {
    std::cout << "<line x1=\"" << x(tick) << "\" x2=\"" << x(tick) << "\" y1=\"" << kTop << "\" y2=\"" << height - kBottom
              << "\" stroke=\"" << (tick == 1 ? "#888" : "#ddd") << "\"/>\n"
              << "<text x=\"" << x(tick) << "\" y=\"" << height - kBottom + 18 << "\" text-anchor=\"middle\" fill=\"#555\">"
              << number(tick, 2) << "</text>\n";
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Row& row = rows[i];
    const double middle = kTop + kRowHeight * (static_cast<double>(i) + 0.5);
    const bool met = row.target == 0 || row.ratio >= row.target;
    std::cout << "<text x=\"" << kLeft - 10 << "\" y=\"" << middle + 4 << "\" text-anchor=\"end\">" << escaped(row.name)
              << "</text>\n"
              << "<rect x=\"" << kLeft << "\" y=\"" << middle - kBarHeight / 2 << "\" width=\"" << number(row.ratio * scale)
              << "\" height=\"" << kBarHeight << "\" fill=\"" << (met ? "#4c8c6b" : "#c98a3c") << "\"/>\n";
    for (const double pair : row.pairs) {
      std::cout << "<circle cx=\"" << x(pair) << "\" cy=\"" << middle << "\" r=\"3\" fill=\"#222\" fill-opacity=\"0.6\"/>\n";
    }
    if (row.target > 0) {
      std::cout << "<line x1=\"" << x(row.target) << "\" x2=\"" << x(row.target) << "\" y1=\"" << middle - kBarHeight
                << "\" y2=\"" << middle + kBarHeight << "\" stroke=\"#b03030\" stroke-width=\"2\"/>\n";
    }
    std::cout << "<text x=\"" << kWidth - 8 << "\" y=\"" << middle + 4 << "\" text-anchor=\"end\">" << number(row.ratio, 2)
              << "</text>\n";
  }
  std::cout << "</svg>\n";
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<Row> rows;
  for (int i = 1; i < argc; ++i) {
    try {
      rows.push_back(read(argv[i]));
    } catch (const std::exception& error) {
      std::cerr << "draw_charts: " << argv[i] << " is not the output of hermes-bench --json: " << error.what() << "\n";
      return 1;
    }
  }
  if (rows.empty()) {
    std::cerr << "usage: draw_charts RESULT.json... > chart.svg\n";
    return 2;
  }
  draw(rows);
}
