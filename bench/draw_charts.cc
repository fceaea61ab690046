// Draws the chart of docs/performance.md from what `hermes-bench NAME --json` printed: for each benchmark the ratio of ours to
// its ceiling, every pair as a dot, the median as a bar, the target as a line.
//
//   build/release/bench/draw_charts bench/results/*.json > docs/performance.svg
//
// Or, from what `hermes-bench peers --json` printed, how fast each contender is, on a logarithmic scale:
//
//   build/release/bench/draw_charts bench/results/peers/peers.json > docs/peers.svg
#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
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

json::object read_object(const char* file) {
  std::ifstream stream(file);
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  return json::parse(text).as_object();
}

Row read(const char* file) {
  const json::object object = read_object(file);
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
  for (int quarters = 0; quarters <= static_cast<int>(highest * 1.05 / 0.25); ++quarters) {
    const double tick = 0.25 * quarters;
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

// One block a measure, one bar a contender: its median, and a line from its lowest to its highest round.
void draw_peers(const json::object& result) {
  constexpr double kLowest = 10;        // per second: where the scale begins
  constexpr double kHighest = 200'000;  // and where it ends
  constexpr int kPowers = 5;            // of ten in between, kLowest included
  constexpr double kLine = 26, kHeading = 34, kBar = 14;
  const double scale = (kWidth - kLeft - kRight) / std::log10(kHighest / kLowest);
  const auto width_of = [&](double per_s) { return std::log10(std::clamp(per_s, kLowest, kHighest) / kLowest) * scale; };
  const json::array& measures = result.at("measures").as_array();
  double height = kTop;
  for (const json::value& measure : measures)
    height += kHeading + kLine * static_cast<double>(measure.at("contenders").as_array().size());

  std::cout << "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " << kWidth << ' ' << height + kBottom
            << "\" font-family=\"sans-serif\" font-size=\"13\">\n"
            << "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
            << "<text x=\"" << kLeft << "\" y=\"20\" font-weight=\"bold\">Per second, same run, same machine</text>\n"
            << "<text x=\"" << kLeft << "\" y=\"36\" fill=\"#555\">logarithmic; bar: median; line: lowest to highest</text>\n";
  for (int power = 0; power < kPowers; ++power) {
    const double tick = kLowest * std::pow(10, power);
    const std::string x = number(kLeft + width_of(tick));
    std::cout << "<line x1=\"" << x << "\" x2=\"" << x << "\" y1=\"" << kTop << "\" y2=\"" << height
              << "\" stroke=\"#ddd\"/>\n<text x=\"" << x << "\" y=\"" << height + 18
              << "\" text-anchor=\"middle\" fill=\"#555\">" << number(tick, 0) << "</text>\n";
  }
  double y = kTop;
  for (const json::value& measure : measures) {
    std::cout << "<text x=\"" << kLeft << "\" y=\"" << y + kHeading - 12 << "\" fill=\"#555\">"
              << escaped(std::string(measure.at("unit").as_string())) << "</text>\n";
    y += kHeading;
    for (const json::value& contender : measure.at("contenders").as_array()) {
      const std::string name(contender.at("name").as_string());
      const auto figure = [&](const char* key) { return contender.at(key).to_number<double>(); };
      const double middle = y + kLine / 2;
      std::cout << "<text x=\"" << kLeft - 10 << "\" y=\"" << middle + 4 << "\" text-anchor=\"end\">" << escaped(name)
                << "</text>\n<rect x=\"" << kLeft << "\" y=\"" << middle - kBar / 2 << "\" width=\""
                << number(width_of(figure("per_s"))) << "\" height=\"" << kBar << "\" fill=\""
                << (name.starts_with("Hermes") ? "#4c8c6b" : "#8a94a6") << "\"/>\n<line x1=\""
                << number(kLeft + width_of(figure("per_s_lowest"))) << "\" x2=\""
                << number(kLeft + width_of(figure("per_s_highest"))) << "\" y1=\"" << middle << "\" y2=\"" << middle
                << "\" stroke=\"#222\" stroke-width=\"2\"/>\n<text x=\"" << kWidth - 8 << "\" y=\"" << middle + 4
                << "\" text-anchor=\"end\">" << number(figure("per_s"), 0) << "</text>\n";
      y += kLine;
    }
  }
  std::cout << "</svg>\n";
}

// Whether `file` holds what hermes-bench peers printed: then it was drawn.
bool drew_peers(const char* file) {
  const json::object object = read_object(file);
  if (object.at("name") != "peers") return false;
  draw_peers(object);
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<Row> rows;
  for (int i = 1; i < argc; ++i) {
    try {
      if (argc == 2 && drew_peers(argv[i])) return 0;
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
