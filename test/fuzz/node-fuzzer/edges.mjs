// A loader of modules for main.mjs. What is fuzzed counts its edges: each place to which a run can branch adds to a counter of its
// own, in a Uint8Array that libFuzzer looks at. And the targets are TypeScript, which Node does not run.
//
// Modules of lib/ are those of dist/, where the addon's loader is compiled as well.
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const COUNTED = [/\/dist\/esm\/config\/.*\.js$/, /\/node_modules\/smol-toml\/.*\.js$/]
const TARGET = /\/test\/fuzz\/.*\.ts$/
const COMPILED = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, allowJs: true }

let edges = 0
let mostEdges

export function initialize({ most }) {
  mostEdges = most
}

export function resolve(specifier, context, next) {
  return next(specifier.replace(/^\.\.\/\.\.\/lib\/(.*\.js)$/, '../../dist/esm/$1'), context)
}

export async function load(url, context, next) {
  const isCounted = COUNTED.some((pattern) => pattern.test(url))
  if (!isCounted && !TARGET.test(url)) return next(url, context)
  const text = await readFile(fileURLToPath(url), 'utf8')
  const { outputText } = ts.transpileModule(text, { fileName: fileURLToPath(url), compilerOptions: COMPILED, transformers: { before: isCounted ? [countEdges] : [] } })
  return { format: 'module', source: outputText, shortCircuit: true }
}

/** Counts where a function, a branch, a case, a loop's body or the other side of && || ?? begins. */
function countEdges(context) {
  const make = context.factory
  const isShortCircuit = (kind) => kind === ts.SyntaxKind.AmpersandAmpersandToken || kind === ts.SyntaxKind.BarBarToken || kind === ts.SyntaxKind.QuestionQuestionToken
  function hit() {
    if (edges === mostEdges) throw new RangeError(`more than ${mostEdges} edges: main.mjs says how many there may be`)
    const counter = make.createElementAccessExpression(make.createPropertyAccessExpression(make.createIdentifier('globalThis'), 'fuzzedEdges'), edges++)
    return make.createPostfixIncrement(counter)
  }
  const counted = (statements) => [make.createExpressionStatement(hit()), ...statements]
  const expression = (node) => make.createParenthesizedExpression(make.createComma(hit(), node))
  const statement = (node) => (node === undefined || ts.isBlock(node) || ts.isIfStatement(node) ? node : make.createBlock(counted([node])))

  function visit(node) {
    const seen = ts.visitEachChild(node, visit, context)
    if (ts.isBlock(seen)) return make.updateBlock(seen, counted(seen.statements))
    if (ts.isCaseClause(seen)) return make.updateCaseClause(seen, seen.expression, counted(seen.statements))
    if (ts.isDefaultClause(seen)) return make.updateDefaultClause(seen, counted(seen.statements))
    if (ts.isIfStatement(seen)) return make.updateIfStatement(seen, seen.expression, statement(seen.thenStatement), statement(seen.elseStatement))
    if (ts.isForStatement(seen)) return make.updateForStatement(seen, seen.initializer, seen.condition, seen.incrementor, statement(seen.statement))
    if (ts.isWhileStatement(seen)) return make.updateWhileStatement(seen, seen.expression, statement(seen.statement))
    if (ts.isConditionalExpression(seen)) {
      return make.updateConditionalExpression(seen, seen.condition, seen.questionToken, expression(seen.whenTrue), seen.colonToken, expression(seen.whenFalse))
    }
    if (ts.isBinaryExpression(seen) && isShortCircuit(seen.operatorToken.kind)) {
      return make.updateBinaryExpression(seen, seen.left, seen.operatorToken, expression(seen.right))
    }
    if (ts.isArrowFunction(seen) && !ts.isBlock(seen.body)) {
      return make.updateArrowFunction(seen, seen.modifiers, seen.typeParameters, seen.parameters, seen.type, seen.equalsGreaterThanToken, expression(seen.body))
    }
    return seen
  }
  return (file) => ts.visitNode(file, visit)
}
