{
  'variables': {
    'catzilla_werror%': 0,
    'catzilla_sanitize%': '',
  },
  'targets': [
    {
      'target_name': 'catzilla',
      'sources': ['<!@(node scripts/native-sources.cjs)'],
      'include_dirs': ['native', '<!(node -p "require(\'node-addon-api\').include_dir")'],
      # One list: a second `defines` would silently replace this one.
      'defines': ['NAPI_VERSION=9', 'NAPI_DISABLE_CPP_EXCEPTIONS', 'NODE_ADDON_API_DISABLE_DEPRECATED'],
      'cflags!': ['-fno-omit-frame-pointer'],
      'cflags_cc!': ['-std=gnu++17', '-std=gnu++20', '-std=c++17', '-fexceptions', '-frtti'],
      'cflags_cc': [
        '-std=c++20',
        '-O3',
        '-fno-exceptions',
        '-fno-rtti',
        '-fvisibility=hidden',
        '-fvisibility-inlines-hidden',
        '-Wall',
        '-Wextra',
        '-Wshadow',
        '-Wnon-virtual-dtor',
        '-Wno-unused-parameter',
      ],
      'conditions': [
        # As a system header, its warnings stay out (a folder named twice counts as a system folder).
        ['OS!="win"', {
          'cflags_cc': ['-isystem', '<!(node -p "require(\'path\').dirname(require.resolve(\'node-addon-api/package.json\'))")'],
        }],
        ['OS=="linux"', {
          'ldflags': ['-Wl,--exclude-libs,ALL', '-Wl,-z,relro,-z,now'],
          # With what native/bindings/runtime.cc defines, next to nothing comes of the static runtime.
          'conditions': [['catzilla_sanitize==""', { 
            'ldflags': ['-static-libstdc++', '-static-libgcc', '-Wl,--version-script=<(module_root_dir)/native/exports.map'],
          }]],
        }],
        ['OS=="mac"', {
          'xcode_settings': {
            'CLANG_CXX_LANGUAGE_STANDARD': 'c++20',
            'CLANG_CXX_LIBRARY': 'libc++',
            'GCC_ENABLE_CPP_EXCEPTIONS': 'NO',
            'GCC_ENABLE_CPP_RTTI': 'NO',
            'GCC_SYMBOLS_PRIVATE_EXTERN': 'YES',
            'GCC_OPTIMIZATION_LEVEL': '3',
            'MACOSX_DEPLOYMENT_TARGET': '11.0',
          },
        }],
        ['OS=="win"', {
          'defines': ['NOMINMAX', 'WIN32_LEAN_AND_MEAN', '_HAS_EXCEPTIONS=0'],
          'msvs_settings': {
            'VCCLCompilerTool': { 'AdditionalOptions': ['/std:c++20', '/Zc:__cplusplus'], 'ExceptionHandling': '0' },
          },
          'libraries': ['-lws2_32'],
        }],
        ['catzilla_werror==1 and OS!="win"', { 'cflags_cc': ['-Werror'] }],
        ['catzilla_sanitize!="" and OS!="win"', {
          'cflags_cc!': ['-O3'],
          'cflags_cc': ['-O1', '-g', '-fno-omit-frame-pointer', '-fno-sanitize-recover=undefined', '-fsanitize=<(catzilla_sanitize)'],
          'ldflags': ['-fsanitize=<(catzilla_sanitize)'],
        }],
      ],
    },
  ],
}
