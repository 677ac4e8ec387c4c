// The `postroad` program.
#include "cli/cli.h"

int main(int argc, char** argv) { return postroad::cli::Run(argc, argv); }
