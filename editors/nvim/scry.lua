-- Scry's language server for bpftrace scripts, for Neovim 0.7 and newer: copy this to ~/.config/nvim/plugin/, or say
-- dofile("/path/to/scry/editors/nvim/scry.lua") in init.lua.

local server = {
  name = "scry",
  cmd = vim.g.scry_command or { "scry", "lsp", "--stdio" },
  filetypes = { "bpftrace" },
  root_markers = { ".git" },
}
local group = vim.api.nvim_create_augroup("scry", {})

vim.api.nvim_create_autocmd({ "BufNewFile", "BufRead" }, {
  group = group,
  callback = function(event)
    local first = vim.api.nvim_buf_get_lines(event.buf, 0, 1, false)[1] or ""
    local by_first_line = first:match("^#!.*bpftrace") or first:match("^#!.*scry")
    if event.match:match("%.bt$") or by_first_line then
      vim.bo[event.buf].filetype = "bpftrace"
    end
  end,
})
vim.api.nvim_create_autocmd("FileType", {
  group = group,
  pattern = "bpftrace",
  callback = function(event)
    vim.bo[event.buf].commentstring = "// %s"
  end,
})

if vim.fn.has("nvim-0.11") == 1 then
  vim.lsp.config("scry", server)
  vim.lsp.enable("scry")
  return
end

local client
vim.api.nvim_create_autocmd("FileType", {
  group = group,
  pattern = "bpftrace",
  callback = function(event)
    server.root_dir = vim.fn.fnamemodify(event.match == "" and "." or vim.api.nvim_buf_get_name(event.buf), ":p:h")
    if vim.lsp.start then
      vim.lsp.start(server)
      return
    end
    client = client and vim.lsp.get_client_by_id(client) and client or vim.lsp.start_client(server)
    vim.lsp.buf_attach_client(event.buf, client)
    vim.bo[event.buf].omnifunc = "v:lua.vim.lsp.omnifunc"
  end,
})
